#!/usr/bin/env bash
# The Rev2Fwd experiments, from nothing: demonstrations of B, others of B reversed by three rules, demonstrations of A
# for comparison; a policy of each; their success rates; both by turns; the loop that improves them. Needs no network.
#
#   benchmarks/rev2fwd.sh                     everything, one thing after the other
#   benchmarks/rev2fwd.sh pair                policies of B and of reversed B, and their loop, on two GPUs or on one
#   benchmarks/rev2fwd.sh side_by_side        everything, on four GPUs
#   benchmarks/rev2fwd.sh record reverse ...  some of it: record[:NAME] reverse[:RULE] learn:NAME rate:NAME alternate loop
#
# What is done is not done again: every command goes on, or has nothing to do. Results are in $WORK/results.
set -euo pipefail
export WORK=${WORK:-runs/rev2fwd}
EPISODES=${EPISODES:-1024}   # demonstrations of each kind
ENVS=${ENVS:-256}            # of recording and testing
# what goes wrong in demonstrations of B, so that a policy sees how to go on; and in those that are reversed: A puts
# the cube where B found it, so that is exactly the goal there
MISHAPS=${MISHAPS-env.start_spread=0.02 env.slipped_share=0.3 env.moved_share=0.2}
REVERSED_MISHAPS=${REVERSED_MISHAPS-env.moved_share=0.3}
STEPS=${STEPS:-19000}
BATCH=${BATCH:-128}
RATE=${RATE:-2e-4}           # learning rate
FINE_RATE=${FINE_RATE:-1e-4} # of finetuning: at that of the training the loss rises by a quarter before it falls
NET=${NET:-[128,256,512]}    # the U-Net's widths
LEARN=${LEARN---amp --compile --noise_draws 4} # of every training
TESTS=${TESTS:-256}          # episodes of each evaluation
CHAINS=${CHAINS:-128}
CYCLES=${CYCLES:-12}         # of a chain, at most
ITERATIONS=${ITERATIONS:-3}  # of the loop; 0: both by turns as they are
MORE=${MORE:-5000}           # steps of each finetuning
DEVICES=${DEVICES:-}         # of the loop's trainings, such as cuda:0,cuda:1
PYTHON=${PYTHON:-python3}
export HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
TASK=PickPlace-Rev2Fwd
COMPARED=(next_pose_same_gripper segment_goal)
mkdir -p "$WORK/results"

record() { # name, direction, seed, settings
  "$PYTHON" scripts/collect.py --task $TASK --episodes "$EPISODES" --num_envs "$ENVS" --max_steps 600 --out "$WORK/$1" \
    --seed "$3" "env.direction=$2" "${@:4}"
}

recorded() { # name
  # shellcheck disable=SC2086
  case $1 in
    B) record B B 0 $MISHAPS ;;
    B_to_reverse) record B_to_reverse B 1 $REVERSED_MISHAPS ;;
    A_forward) record A_forward A 2 ;;
    *) echo "record:$1: choose from B B_to_reverse A_forward" >&2; return 2 ;;
  esac
}

reverse() { # rule; of ours, A is what succeeds again, the others are compared as they are
  local out=$WORK/A_$1
  [ -e "$out" ] || "$PYTHON" scripts/convert.py "$WORK/B_to_reverse" "$out" --reverse --labels "$1"
  [ "$1" != next_pose ] || [ -e "$WORK/A" ] \
    || "$PYTHON" scripts/replay.py "$out" --filter "$WORK/A" --num_envs "$EPISODES" | tee "$WORK/results/replay.txt"
}

learn() { # name of a dataset: its policy
  # shellcheck disable=SC2086
  "$PYTHON" scripts/learn.py --dataset "$WORK/$1" --out "$WORK/policy_$1" --steps "$STEPS" --batch_size "$BATCH" $LEARN \
    --policy.optimizer_lr="$RATE" --policy.down_dims="$NET" --cache "$WORK/cache"
}

rate() { # name of a dataset: how often its policy succeeds
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
  [ "$ITERATIONS" -gt 0 ] || return 0
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
  "$PYTHON" scripts/iterate.py --config "$WORK/loop.conf" \
    --learn_args="$LEARN --policy.optimizer_lr=$FINE_RATE --cache $WORK/cache" \
    ${DEVICES:+--learn_devices "$DEVICES"} | tee "$WORK/results/loop.txt"
  cp "$WORK/loop/progress.png" "$WORK/results/"
}

on() { # GPU, stages: with its share of the processors; what it says goes to a file
  local share=$(($(nproc) / $(nvidia-smi --list-gpus | wc -l)))
  CUDA_VISIBLE_DEVICES=$1 taskset -c $(($1 * share))-$(($1 * share + share - 1)) "$0" "${@:2}" >> "$WORK/results/gpu$1.log" 2>&1
}

pair() { # two GPUs, one for each policy, both for the loop; or the same one twice
  local b a rates visible=$1,$2 devices=cuda:0,cuda:1
  [ "$1" != "$2" ] || { visible=$1 devices=cuda:0,cuda:0; }
  on "$1" record:B learn:B & b=$!
  on "$2" record:B_to_reverse reverse:next_pose learn:A & a=$!
  wait $b
  wait $a
  on "$2" rate:A rate:B & rates=$! # while the first test by turns is on the other one
  if [ "$ITERATIONS" -gt 0 ]; then CUDA_VISIBLE_DEVICES=$visible DEVICES=$devices loop; else on "$1" alternate; fi
  wait $rates
}

side_by_side() {
  local name compared=() others
  for name in "${COMPARED[@]}"; do compared+=("reverse:$name" "learn:A_$name" "rate:A_$name"); done
  on 1 record:A_forward learn:A_forward rate:A_forward & others=$!
  on 3 record:B_to_reverse
  on 3 "${compared[@]}" & others="$others $!"
  pair 0 2
  for one in $others; do wait "$one"; done
}

[ $# -gt 0 ] || set -- record reverse {learn,rate}:{B,A,A_forward} "${COMPARED[@]/#/learn:A_}" "${COMPARED[@]/#/rate:A_}" alternate loop
for stage in "$@"; do
  case $stage in
    record) for name in B B_to_reverse A_forward; do recorded "$name"; done ;;
    record:*) recorded "${stage#*:}" ;;
    reverse) for rule in next_pose "${COMPARED[@]}"; do reverse "$rule"; done ;;
    reverse:*) reverse "${stage#*:}" ;;
    learn:*) learn "${stage#*:}" ;;
    rate:*) rate "${stage#*:}" ;;
    alternate | loop | side_by_side) "$stage" ;;
    pair) pair 0 $(($(nvidia-smi --list-gpus | wc -l) > 1)) ;;
    *) echo "$stage: choose from record[:NAME] reverse[:RULE] learn:NAME rate:NAME alternate loop pair side_by_side" >&2; exit 2 ;;
  esac
done
