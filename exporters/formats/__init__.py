"""The formats, one module each; what begins with a format's name is a part of it, the rest is shared by several."""

from exporters.contextual.exporter import adapt
from exporters.formats.ango import AngoExporter
from exporters.formats.coco import CocoExporter
from exporters.formats.conll import ConllExporter
from exporters.formats.createml import CreatemlExporter
from exporters.formats.csv import CsvExporter
from exporters.formats.cvat import CvatExporter
from exporters.formats.cvat_video import CvatVideoExporter
from exporters.formats.datumaro import DatumaroExporter
from exporters.formats.datumaro_bridge import bridge
from exporters.formats.imagefolder import ImageFolderExporter, ImageFolderMetadataExporter
from exporters.formats.json import JsonExporter
from exporters.formats.jsonl import JsonlExporter
from exporters.formats.kitti import KittiExporter
from exporters.formats.label_studio import (
    LabelStudioAudioExporter,
    LabelStudioExporter,
    LabelStudioTextExporter,
    LabelStudioVideoExporter,
)
from exporters.formats.labelme import LabelmeExporter
from exporters.formats.mask_images import MaskImageExporter
from exporters.formats.mot import MotExporter
from exporters.formats.parquet import ParquetExporter
from exporters.formats.pascal_voc import PascalVocExporter
from exporters.formats.spacy import SpacyExporter
from exporters.formats.tfrecord import TfrecordExporter
from exporters.formats.transcripts import TranscriptsExporter
from exporters.formats.upd import UpdExporter
from exporters.formats.webdataset import WebdatasetExporter
from exporters.formats.xml import XmlExporter
from exporters.formats.yolo import YoloExporter, YoloObbExporter, YoloPoseExporter, YoloSegmentExporter

BUILTIN = (
    AngoExporter,
    CocoExporter,
    ConllExporter,
    CreatemlExporter,
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
    adapt(UpdExporter),
    WebdatasetExporter,
    XmlExporter,
    YoloExporter,
    YoloObbExporter,
    YoloPoseExporter,
    YoloSegmentExporter,
)
"""Adding a format is an import above and a name here; everything else derives from this list."""

FAMILIES = {"datumaro": bridge}
"""What makes exporters on demand: of `datumaro:voc`, what `bridge` makes of `voc`."""
