"""Writes the committed frames: pool/, pool.csv, eval/ and eval.json beside this directory.

    python sample_data/make/render.py

Every frame follows from its seed and index alone, so two runs on one set of library versions write the same bytes.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

from PIL import Image
from stations import CLASSES, HEIGHT, STATIONS, WIDTH
from world import Frame, frame

HERE = Path(__file__).resolve().parent.parent
POOL_SEED, EVAL_SEED = 2, 3
POOL_FRAMES, EVAL_FRAMES = 600, 300
JPEG_QUALITY = 80
TWICE_TRIGGERED = 100
"""Every so many pool frames the line's trigger bounces, and the same file is stored under the next number again."""


def write_pool(root: Path) -> None:
    """pool/STATION/NNNN.jpg and pool.csv (path, station, conditions); paths are relative to pool.csv."""
    rows = []
    counts = dict.fromkeys((station.name for station in STATIONS), 0)
    picture = frame(POOL_SEED, 0)
    for index in range(POOL_FRAMES):
        if index % TWICE_TRIGGERED != TWICE_TRIGGERED - 1:
            picture = frame(POOL_SEED, index)
        path = f"pool/{picture.station}/{counts[picture.station]:04d}.jpg"
        counts[picture.station] += 1
        save(picture, root / path)
        rows.append((path, picture.station, " ".join(picture.conditions)))
    with (root / "pool.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "station", "conditions"))
        writer.writerows(sorted(rows))


def write_evaluation(root: Path) -> None:
    """eval/NNNN.jpg and eval.json, COCO; category ids are the class indices."""
    images, annotations = [], []
    for index in range(EVAL_FRAMES):
        picture = frame(EVAL_SEED, index)
        name = f"{index:04d}.jpg"
        save(picture, root / "eval" / name)
        images.append(image_record(index, name, picture))
        annotations.extend(annotation_records(len(annotations), index, picture))
    categories = [{"id": label, "name": name} for label, name in enumerate(CLASSES)]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (root / "eval.json").write_text(json.dumps(coco, indent=None, separators=(",", ":")) + "\n")


def image_record(index: int, name: str, picture: Frame) -> dict[str, object]:
    """A COCO image, with `station` and `conditions` on top."""
    conditions = " ".join(picture.conditions)
    size = {"width": WIDTH, "height": HEIGHT}
    return {"id": index, "file_name": name, **size, "station": picture.station, "conditions": conditions}


def annotation_records(first_id: int, image_id: int, picture: Frame) -> list[dict[str, object]]:
    """COCO annotations of one frame; `bbox` is x, y, width, height in px."""
    records = []
    for offset, defect in enumerate(picture.defects):
        x1, y1, x2, y2 = defect.box
        box = [x1, y1, x2 - x1, y2 - y1]
        record = {"id": first_id + offset, "image_id": image_id, "category_id": defect.label, "bbox": box}
        records.append({**record, "area": box[2] * box[3], "iscrowd": 0})
    return records


def save(picture: Frame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.pixels).save(path, "JPEG", quality=JPEG_QUALITY)


def main() -> None:
    for directory in ("pool", "eval"):
        shutil.rmtree(HERE / directory, ignore_errors=True)
    write_pool(HERE)
    write_evaluation(HERE)


if __name__ == "__main__":
    main()
