"""What a training job's channels may ask for: kinds of sources, input modes, and which go together."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.core.file_systems import declared, file_of
from clary.operations import references
from clary.operations.registry import Call
from clary.operations.training import hosts

FILES = "FileSystemDataSource"
_UNBUILT = {
    "HubAccessConfig": "leave it out.",
    "ModelAccessConfig": "there are no models here whose licence has to be accepted; leave it out.",
}
_SOURCES = {
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
        if FILES in channel["DataSource"]:
            _check_files(call, request, channel, mode)
            continue
        source = _source(channel)
        hosts.check_groups(request["ResourceConfig"], source.get("InstanceGroupNames", ()), name)
        _check_source(source, f"The channel {name!r} has", mode)
        _check_mode(channel, f"The channel {name!r} has", mode)
        references.prefix(call, source["S3Uri"], f"S3Uri of the channel {name!r}", request["RoleArn"])


def _check_files(call: Call, request: Document, channel: Document, mode: str) -> None:
    """Refuse a directory that the administrator has not opened to jobs; evidence/file-system-channels.md."""
    where, source = f"The channel {channel['ChannelName']!r} has", channel["DataSource"][FILES]
    if len(channel["DataSource"]) > 1:
        raise ValidationError(f"{where} two data sources; give one.")
    if "VpcConfig" not in request:
        raise ValidationError(
            f"{where} a {FILES}, for which a job needs a VpcConfig; name subnets and groups."
        )
    if mode == "Pipe":
        raise ValidationError(f"{where} a {FILES} and the input mode Pipe; set InputMode to File.")
    if "ShuffleConfig" in channel:
        raise ValidationError(
            f"{where} a {FILES} and a ShuffleConfig, which orders objects of S3; leave it out."
        )
    _check_mode(channel, where, mode)
    _check_declared(call, source, where)


def _check_declared(call: Call, source: Document, where: str) -> None:
    try:
        known = declared(call.settings.home)
    except ValueError as error:
        raise ValidationError(f"{where} a {FILES}, and the declarations are broken: {error}") from error
    name, access = source["FileSystemId"], source["FileSystemAccessMode"]
    if name not in known:
        raise ValidationError(
            f"{where} the file system {name}, which is not declared here. The server's administrator opens a "
            f"directory of this machine by that id in {file_of(call.settings.home)}: [{name}] with "
            'directory = "/path" and access = "ro" or "rw".'
        )
    found, path = known[name], source["DirectoryPath"]
    if source["FileSystemType"] != found.type:
        raise ValidationError(f"{where} the file system {name}, which is of the type {found.type}.")
    if access == "rw" and found.access == "ro":
        raise ValidationError(f"{where} the access mode rw; the file system {name} is open for reading only.")
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValidationError(f"{where} the DirectoryPath {path!r}; it must be a full path without '..'.")
    if not found.has(path):
        raise ValidationError(
            f"{where} the DirectoryPath {path!r}, which the file system {name} does not have."
        )


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
