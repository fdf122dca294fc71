#!/usr/bin/env bash
# Run all findings, or those that are named, and print a summary.
#
# A finding that has changed is news, and no fault of this project. So the exit code is 0 unless a name
# is unknown.
set -euo pipefail

cd "$(dirname "$0")"
names=("$@")
if [[ $# -eq 0 ]]; then
    for script in *.sh; do
        [[ $script == run.sh ]] || names+=("${script%.sh}")
    done
fi
for name in "${names[@]}"; do
    [[ -f $name.sh ]] || { echo "there is no finding $name" >&2; exit 2; }
done

holds=() changed=()
for name in "${names[@]}"; do
    echo "== $name"
    began=$SECONDS
    if "./$name.sh" 2>&1; then holds+=("$name"); else changed+=("$name"); fi
    echo "took $((SECONDS - began)) s"
done
echo
echo "${#holds[@]} of ${#names[@]} hold"
if [[ ${#changed[@]} -gt 0 ]]; then
    printf 'changed, or not installed: %s\n' "${changed[@]}"
fi
