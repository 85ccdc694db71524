#!/usr/bin/env bash
# The Rev2Fwd experiments, from nothing: demonstrations of B, B reversed, demonstrations of A for comparison; a policy of
# each; their success rates; both by turns. Run from the repository's root, on a machine with a GPU; needs no network.
# What is done is not done again: every command goes on, or has nothing to do. Results are in $WORK/results.
set -euo pipefail
WORK=${WORK:-runs/rev2fwd}
EPISODES=${EPISODES:-500}   # demonstrations of each kind
ENVS=${ENVS:-64}
STEPS=${STEPS:-12000}
BATCH=${BATCH:-128}
TESTS=${TESTS:-200}         # episodes of each evaluation
LEARN=${LEARN:---amp}       # further words for learn.py
ITERATIONS=${ITERATIONS:-0} # of the loop, at the end
PYTHON=${PYTHON:-python3}
export HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
mkdir -p "$WORK/results"

"$PYTHON" scripts/collect.py --task PickPlace-Rev2Fwd --episodes "$EPISODES" --num_envs "$ENVS" --out "$WORK/B" env.direction=B
"$PYTHON" scripts/collect.py --task PickPlace-Rev2Fwd --episodes "$EPISODES" --num_envs "$ENVS" --out "$WORK/A_forward" \
  env.direction=A
[ -e "$WORK/A_reversed" ] || "$PYTHON" scripts/convert.py "$WORK/B" "$WORK/A_reversed" --reverse
[ -e "$WORK/A" ] || "$PYTHON" scripts/replay.py "$WORK/A_reversed" --filter "$WORK/A" --num_envs "$ENVS" \
  | tee "$WORK/results/replay.txt"

for name in B A A_forward; do
  # shellcheck disable=SC2086 # LEARN holds words
  "$PYTHON" scripts/learn.py --dataset "$WORK/$name" --out "$WORK/policy_$name" --steps "$STEPS" --batch_size "$BATCH" \
    --cache "$WORK/cache" $LEARN
  direction=${name%%_*}
  "$PYTHON" scripts/evaluate.py --task PickPlace-Rev2Fwd --policy "$WORK/policy_$name" --episodes "$TESTS" --num_envs "$ENVS" \
    --out "$WORK/results/$name" --video "env.direction=$direction" | tee -a "$WORK/results/rates.txt"
done

"$PYTHON" benchmarks/acting.py "$WORK/policy_B" | tee "$WORK/results/acting.txt"
if [ ! -e "$WORK/rollout_A" ]; then
  "$PYTHON" scripts/alternate.py --policy_A "$WORK/policy_A" --policy_B "$WORK/policy_B" --out_A "$WORK/rollout_A" \
    --out_B "$WORK/rollout_B" --num_envs "$ENVS" --report "$WORK/results/alternation.json" \
    | tee "$WORK/results/alternation.txt"
fi

if [ "$ITERATIONS" -gt 0 ]; then
  cat > "$WORK/loop.conf" << CONF
MAX_ITERATIONS=$ITERATIONS
NUM_ENVS=$ENVS
BATCH_SIZE=$BATCH
POLICY_A_DIR=$WORK/policy_A
POLICY_B_DIR=$WORK/policy_B
DATA_A=$WORK/A
DATA_B=$WORK/B
OUT_DIR=$WORK/loop
CONF
  "$PYTHON" scripts/iterate.py --config "$WORK/loop.conf" --learn_args="$LEARN" | tee "$WORK/results/loop.txt"
  cp "$WORK/loop/progress.png" "$WORK/results/"
fi
