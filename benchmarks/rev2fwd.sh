#!/usr/bin/env bash
# The Rev2Fwd experiments, from nothing: demonstrations of B, B reversed by three rules, demonstrations of A for
# comparison; a policy of each; their success rates; both by turns; the loop that improves them. Needs no network.
#
#   benchmarks/rev2fwd.sh                     everything, one thing after the other
#   benchmarks/rev2fwd.sh record reverse ...  some of it: record reverse policy:NAME alternate loop
#
# What is done is not done again: every command goes on, or has nothing to do. Results are in $WORK/results. With several
# GPUs, run policies side by side (CUDA_VISIBLE_DEVICES=1 benchmarks/rev2fwd.sh policy:A), and give the loop two
# (DEVICES=cuda:0,cuda:1).
set -euo pipefail
WORK=${WORK:-runs/rev2fwd}
EPISODES=${EPISODES:-1024}   # demonstrations of each kind
ENVS=${ENVS:-256}            # of recording and testing
STEPS=${STEPS:-12000}
BATCH=${BATCH:-128}
RATE=${RATE:-2e-4}           # learning rate
NET=${NET:-[128,256,512]}    # the U-Net's widths
LEARN=${LEARN:---amp --compile --noise_draws 4} # of every training
TESTS=${TESTS:-256}          # episodes of each evaluation
CHAINS=${CHAINS:-64}
CYCLES=${CYCLES:-50}         # of a chain, at most
ITERATIONS=${ITERATIONS:-3}
MORE=${MORE:-5000}           # steps of each finetuning
DEVICES=${DEVICES:-}         # of the loop's trainings
PYTHON=${PYTHON:-python3}
export HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
TASK=PickPlace-Rev2Fwd
mkdir -p "$WORK/results"

record() { # name, direction
  "$PYTHON" scripts/collect.py --task $TASK --episodes "$EPISODES" --num_envs "$ENVS" --out "$WORK/$1" "env.direction=$2"
}

reverse() { # A is what succeeds again; the other rules are compared as they are
  [ -e "$WORK/A_reversed" ] || "$PYTHON" scripts/convert.py "$WORK/B" "$WORK/A_reversed" --reverse
  [ -e "$WORK/A" ] || "$PYTHON" scripts/replay.py "$WORK/A_reversed" --filter "$WORK/A" --num_envs "$ENVS" \
    | tee "$WORK/results/replay.txt"
  for rule in next_pose_same_gripper segment_goal; do
    [ -e "$WORK/A_$rule" ] || "$PYTHON" scripts/convert.py "$WORK/B" "$WORK/A_$rule" --reverse --labels $rule
  done
}

policy() { # name of a dataset: its policy, and how often that succeeds
  "$PYTHON" scripts/learn.py --dataset "$WORK/$1" --out "$WORK/policy_$1" --steps "$STEPS" --batch_size "$BATCH" $LEARN \
    --policy.optimizer_lr="$RATE" --policy.down_dims="$NET" --cache "$WORK/cache"
  "$PYTHON" scripts/evaluate.py --task $TASK --policy "$WORK/policy_$1" --episodes "$TESTS" --num_envs "$ENVS" \
    --out "$WORK/results/$1" --video "env.direction=${1%%_*}" | tee "$WORK/results/rate_$1.txt"
}

alternate() {
  "$PYTHON" benchmarks/acting.py "$WORK/policy_B" | tee "$WORK/results/acting.txt"
  [ -e "$WORK/rollout_A" ] || "$PYTHON" scripts/alternate.py --policy_A "$WORK/policy_A" --policy_B "$WORK/policy_B" \
    --out_A "$WORK/rollout_A" --out_B "$WORK/rollout_B" --num_envs "$CHAINS" --max_cycles "$CYCLES" \
    --report "$WORK/results/alternation.json" | tee "$WORK/results/alternation.txt"
}

loop() {
  cat > "$WORK/loop.conf" << CONF
MAX_ITERATIONS=$ITERATIONS
STEPS_PER_ITER=$MORE
MAX_CYCLES=$CYCLES
NUM_ENVS=$CHAINS
BATCH_SIZE=$BATCH
POLICY_A_DIR=$WORK/policy_A
POLICY_B_DIR=$WORK/policy_B
DATA_A=$WORK/A
DATA_B=$WORK/B
OUT_DIR=$WORK/loop
CONF
  "$PYTHON" scripts/iterate.py --config "$WORK/loop.conf" --learn_args="$LEARN --cache $WORK/cache" \
    ${DEVICES:+--learn_devices "$DEVICES"} \
    | tee "$WORK/results/loop.txt"
  cp "$WORK/loop/progress.png" "$WORK/results/"
}

[ $# -gt 0 ] || set -- record reverse policy:B policy:A policy:A_forward policy:A_next_pose_same_gripper \
  policy:A_segment_goal alternate loop
for stage in "$@"; do
  case $stage in
    record) record B B; record A_forward A ;;
    record:*) record "${stage#*:}" "$(cut -c1 <<< "${stage#*:}")" ;;
    policy:*) policy "${stage#*:}" ;;
    reverse | alternate | loop) "$stage" ;;
    *) echo "$stage: choose from record reverse policy:NAME alternate loop" >&2; exit 2 ;;
  esac
done
