"""What a training job's channels may ask for: kinds of sources, input modes, and which go together."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import references
from clary.operations.registry import Call
from clary.operations.training import hosts

_UNBUILT = {
    "HubAccessConfig": "leave it out.",
    "ModelAccessConfig": "there are no models here whose licence has to be accepted; leave it out.",
}
_SOURCES = {
    "FileSystemDataSource": "Clary mounts no file systems of EFS or FSx. Put the data into S3: here that "
    "copies nothing into the job, its files are shown to the program where they lie. Use S3DataSource.",
    "DatasetSource": "Clary keeps no dataset resources. Use S3DataSource.",
}


def check(call: Call, request: Document) -> None:
    """Refuse channels that could not be given to the program as they are asked for."""
    channels = request.get("InputDataConfig", ())
    names = [channel["ChannelName"] for channel in channels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"InputDataConfig has more than one channel called {twice[0]!r}.")
    for channel in channels:
        name = channel["ChannelName"]
        mode = channel.get("InputMode") or request["AlgorithmSpecification"]["TrainingInputMode"]
        source = _source(channel)
        hosts.check_groups(request["ResourceConfig"], source.get("InstanceGroupNames", ()), name)
        _check_source(source, f"The channel {name!r} has", mode)
        _check_mode(channel, f"The channel {name!r} has", mode)
        references.prefix(call, source["S3Uri"], f"S3Uri of the channel {name!r}", request["RoleArn"])


def _source(channel: Document) -> Document:
    where, given = f"The channel {channel['ChannelName']!r} has", channel["DataSource"]
    for member, advice in _SOURCES.items():
        if member in given:
            raise ValidationError(f"{where} a {member}, which is not supported: {advice}")
    if "S3DataSource" not in given:
        raise ValidationError(f"{where} no S3DataSource; say where its data is.")
    source: Document = given["S3DataSource"]
    return source


def _check_source(source: Document, where: str, mode: str) -> None:
    references.refuse(source, _UNBUILT, f"{where} a source whose ")
    kind, attributes = source["S3DataType"], source.get("AttributeNames")
    if kind == "Converse":
        raise ValidationError(
            f"{where} the S3DataType Converse, which is for fine-tuning of foundation models and is not "
            "built: use S3Prefix, ManifestFile or AugmentedManifestFile."
        )
    if kind == "AugmentedManifestFile" and mode != "Pipe":
        raise ValidationError(
            f"{where} the S3DataType AugmentedManifestFile and the input mode {mode}; an augmented manifest "
            "can only be streamed. Set InputMode to Pipe."
        )
    if kind == "AugmentedManifestFile" and not attributes:
        raise ValidationError(
            f"{where} an augmented manifest and no AttributeNames; list the attributes to send, in "
            "their order."
        )
    if kind != "AugmentedManifestFile" and attributes:
        raise ValidationError(
            f"{where} AttributeNames, which are for the S3DataType AugmentedManifestFile; it has {kind}."
        )


def _check_mode(channel: Document, where: str, mode: str) -> None:
    if mode == "Pipe":
        return
    for member in ("CompressionType", "RecordWrapperType"):
        if channel.get(member, "None") != "None":
            raise ValidationError(
                f"{where} the {member} {channel[member]}, which is for Pipe input mode. In {mode} mode leave "
                "it out or set it to None."
            )
