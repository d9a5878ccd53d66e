#!/usr/bin/env bash
# The chain that makes the bundled weights: FER=folder with train.parquet and validation.parquet of FER2013, TEACHER=folder
# with train.npz and validation.npz of the blendshape teacher, FACES=ict_face.npz. tools/blendshapes.py makes the teacher's
# files from those of FER2013:
#   python tools/blendshapes.py $FER/train.parquet --task face_landmarker.task -o $TEACHER/train.npz    (and validation)
# It takes configs/nano and makes runs/nano in the folder where it is run. Every step is skipped when its result is there and
# goes on where it was stopped.
set -euo pipefail
: "${FER:?folder with FER2013s train.parquet and validation.parquet}"
: "${TEACHER:?folder with the teachers train.npz and validation.npz, made by tools/blendshapes.py}"
: "${FACES:?the ICT face model as npz}"
BIN=$(cd "${BIN:-.venv/bin}" && pwd)
HERE=$(cd "$(dirname "$0")/.." && pwd)
RENDERS=${RENDERS:-76000} UNSEEN=${UNSEEN:-1600} CLIPS=${CLIPS:-1500} QUESTIONS=${QUESTIONS:-400} # how many to make, and to ask
RUN=runs/nano # as in configs/nano
mkdir -p "$RUN"
once() { # RESULT COMMAND...: run it unless the result is there
  if [ -e "$1" ]; then echo "== $1 is there"; else echo "== ${*:2}"; "${@:2}"; fi
}
e="$BIN/emoreason"
for split in train validation; do
  once "$RUN/$split.npz" "$e" train facenet-data real "$FER/$split.parquet" --teacher "$TEACHER/$split.npz" -o "$RUN/$split.npz"
done
once "$RUN/renders.npz" "$e" train facenet-data renders -n "$RENDERS" --seed 101 --shared 8 --face-model "$FACES" -o "$RUN/renders.npz"
once "$RUN/renders_validation.npz" "$e" train facenet-data renders -n "$UNSEEN" --seed 999 --face-model "$FACES" \
  -o "$RUN/renders_validation.npz"
for net in facenet facenet_second facenet_taught facenet_movements; do "$e" train facenet "configs/nano/$net.yaml"; done
"$e" train pretrain configs/nano/pretrain.yaml
once "$RUN/clips.npz" "$e" data frames -n "$CLIPS" --seed 1 --face-model "$FACES" -o "$RUN/clips.npz"
net="$RUN/facenet_movements/facenet.safetensors"
warm=$("$BIN/python" -c "import json; print(json.load(open('$RUN/facenet_movements/metrics.json'))['temperature'])")
faces=("$RUN/train.npz" "$RUN/renders.npz")
once "$RUN/talks.parquet" "$e" data talks "${faces[@]}" --talks 3 --pairs 0.35 --compared 0.3 --clips "$RUN/clips.npz" --clip-talks 12 \
  --facenet "$net" --temperature "$warm" -o "$RUN/talks.parquet"
once "$RUN/brief.parquet" "$e" data talks "${faces[@]}" --limit 8000 --pairs 1 --brief 1 --seed 70 --facenet "$net" \
  --temperature "$warm" -o "$RUN/brief.parquet"
once "$RUN/held.parquet" "$e" data talks "$RUN/validation.npz" "$RUN/renders_validation.npz" --facenet "$net" --seed 9 \
  --temperature "$warm" -o "$RUN/held.parquet"
"$e" train sft configs/nano/sft.yaml start.emotion_temperature="$warm"
"$e" train sft configs/nano/brief.yaml
"$e" train sft configs/nano/sft_more.yaml
"$e" train grpo configs/nano/grpo.yaml
"$e" train loop configs/nano/loop.yaml sources="[{name: fer2013, path: $FER}]"
stages=("$RUN/sft/model" "$RUN/sft_more/model" "$RUN/grpo/model" "$RUN/loop/model")
"$BIN/python" -m emoreason.training.heldout "$RUN/held.parquet" "${stages[@]}" -n "$QUESTIONS"
for model in "${stages[@]}"; do
  echo "== $model"
  "$BIN/python" "$HERE/benchmarks/nano.py" --model "$model" --faces "$RUN/validation.npz" --renders "$RUN/renders_validation.npz" -n "$QUESTIONS"
done
echo "The model stands in $RUN/loop/model. To bundle it: cp $RUN/loop/model/* emoreason/assets/nano/"
