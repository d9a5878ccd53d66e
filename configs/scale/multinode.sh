#!/usr/bin/env bash
# One call on every node, with the same HEAD (host of node 0) and its own NODE (0, 1, ...):
#   HEAD=10.0.0.1 NODE=0 NODES=2 configs/scale/multinode.sh sft configs/scale/sft_32b.yaml [key=value ...]
# SHARD=fsdp (default) or zero3 splits the weights over all GPUs; SHARD=none copies them to each (torchrun, DDP).
set -euo pipefail
: "${HEAD:?host of node 0}" "${NODE:?number of this node, from 0}" "${NODES:?number of nodes}"
GPUS=${GPUS:-$(nvidia-smi -L 2>/dev/null | wc -l)}
PORT=${PORT:-29500}
here=$(cd "$(dirname "$0")" && pwd)
if [ "${SHARD:-fsdp}" = none ]; then
  exec torchrun --nnodes "$NODES" --node-rank "$NODE" --nproc-per-node "$GPUS" --master-addr "$HEAD" \
    --master-port "$PORT" -m emoreason.cli train "$@"
fi
exec accelerate launch --config_file "$here/${SHARD:-fsdp}.yaml" --num_machines "$NODES" --machine_rank "$NODE" \
  --num_processes $((NODES * GPUS)) --main_process_ip "$HEAD" --main_process_port "$PORT" \
  -m emoreason.cli train "$@"
