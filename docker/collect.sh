#!/usr/bin/env bash
# Record a dataset in a container, in the four steps of the first pipeline's run_collection.sh: clean, copy, run,
# retrieve. Nothing is ever deleted: the same command goes on with the dataset that it began.
#
#   docker/collect.sh                                  20 environments x 2 rounds of the drawer, three cameras
#   docker/collect.sh --task Lift-Custom-IK --format vpl --episodes 10 --out datasets/lift
#
# Arguments go to scripts/collect.py. SERVICE=datagen|datagen-cpu|isaacsim chooses the container; DRY_RUN=1 only prints.
set -euo pipefail

WORKSPACE="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
DATAGEN_UID="$(id -u)"
DATAGEN_GID="$(id -g)"
export WORKSPACE DATAGEN_UID DATAGEN_GID
cd "${WORKSPACE}"

if [ $# -eq 0 ]; then
    set -- --task Open-Drawer-Custom --format vpl --num_envs 20 --num_episodes 2 --cameras overview,wrist,top \
        --out datasets/vpl
fi

out=datasets # what collect.py writes to when nothing is said
previous=""
for word in "$@"; do
    case "${word}" in
        --out=*) out="${word#--out=}" ;;
    esac
    if [ "${previous}" = "--out" ]; then
        out="${word}"
    fi
    previous="${word}"
done

compose=(docker compose -f docker/compose.yaml)
inside=("${compose[@]}" run --rm "${SERVICE:-datagen}")

run() {
    printf '+ %s\n' "$*"
    if [ -z "${DRY_RUN:-}" ]; then
        "$@"
    fi
}

echo "1. clean: what is in ${out} stays; collect.py goes on with it, or says why it cannot"
echo "2. copy: nothing is copied, ${WORKSPACE} is mounted at its own path; the image is built where it is out of date"
run "${compose[@]}" build "${SERVICE:-datagen}"
echo "3. run"
run "${inside[@]}" python scripts/collect.py "$@"
echo "4. retrieve: the dataset is in ${out} already"
run "${inside[@]}" python scripts/inspect_data.py "${out}"
