"""What is written: the record model, the exporter contract, and one module a format.

Pure Python: nothing here imports Prefect, a network client, or a storage library.
"""

from exporters.ango import AngoExporter
from exporters.assembly import Assembly
from exporters.base import BaseExporter, Exporter
from exporters.coco import CocoExporter
from exporters.conll import ConllExporter
from exporters.csv import CsvExporter
from exporters.cvat import CvatExporter
from exporters.cvat_video import CvatVideoExporter
from exporters.datumaro import DatumaroExporter
from exporters.datumaro_bridge import bridge
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError, SkippableError
from exporters.holds import Holds
from exporters.imagefolder import ImageFolderExporter, ImageFolderMetadataExporter
from exporters.item import Item
from exporters.json import JsonExporter
from exporters.jsonl import JsonlExporter
from exporters.kitti import KittiExporter
from exporters.label_studio import (
    LabelStudioAudioExporter,
    LabelStudioExporter,
    LabelStudioTextExporter,
    LabelStudioVideoExporter,
)
from exporters.labelme import LabelmeExporter
from exporters.mask_images import MaskImageExporter
from exporters.mot import MotExporter
from exporters.options import ExporterOptions, NoOptions
from exporters.parquet import ParquetExporter
from exporters.pascal_voc import PascalVocExporter
from exporters.registry import Registry, read_options
from exporters.shard import Shard
from exporters.spacy import SpacyExporter
from exporters.tfrecord import TfrecordExporter
from exporters.transcripts import TranscriptsExporter
from exporters.webdataset import WebdatasetExporter
from exporters.xml import XmlExporter
from exporters.yolo import YoloExporter, YoloObbExporter, YoloPoseExporter, YoloSegmentExporter

BUILTIN = (
    AngoExporter,
    CocoExporter,
    ConllExporter,
    CsvExporter,
    CvatExporter,
    CvatVideoExporter,
    DatumaroExporter,
    ImageFolderExporter,
    ImageFolderMetadataExporter,
    JsonExporter,
    JsonlExporter,
    KittiExporter,
    LabelmeExporter,
    LabelStudioExporter,
    LabelStudioAudioExporter,
    LabelStudioTextExporter,
    LabelStudioVideoExporter,
    MaskImageExporter,
    MotExporter,
    ParquetExporter,
    PascalVocExporter,
    SpacyExporter,
    TfrecordExporter,
    TranscriptsExporter,
    WebdatasetExporter,
    XmlExporter,
    YoloExporter,
    YoloObbExporter,
    YoloPoseExporter,
    YoloSegmentExporter,
)
"""Adding a format is an import above and a name here; everything else derives from this list."""

registry = Registry(BUILTIN, families={"datumaro": bridge})

__all__ = [
    "BUILTIN",
    "Assembly",
    "BaseExporter",
    "Exporter",
    "ExporterOptions",
    "FatalError",
    "Holds",
    "Item",
    "NoOptions",
    "OuthaulError",
    "RequestError",
    "RetriableError",
    "Shard",
    "SkippableError",
    "read_options",
    "registry",
]
