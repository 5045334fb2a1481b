"""A bucket that exports are delivered to, with all that S3 can be told of it, as a Prefect block with a form."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from blocks.places import S3_CONFIG
from blocks.storage import Storage
from blocks.target import StorageTarget
from exporters.errors import RequestError

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class S3Target(StorageTarget):
    """A bucket of S3, or of a store that speaks as S3 does, that exports are delivered to.

    Example:
        ```python
        from blocks.s3_target import S3Target

        S3Target(bucket="exports", folder="nightly", encryption="aws:kms", tags=["team=vision"]).save("nightly")
        target = S3Target.load("nightly")  # on the command line: --to block:outhaul-s3-target/nightly
        ```
    """

    _block_type_name = "Outhaul S3 Target"
    _block_type_slug = "outhaul-s3-target"
    _description = "A bucket of S3, or of a compatible store, to deliver exports to."

    bucket: str = Field(default=..., description="Its name, such as exports, or the alias of an access point.")
    folder: str = Field(default="", description="Within the bucket, such as datasets/nightly; empty for its top.")
    endpoint_url: str = Field(
        default="",
        title="Endpoint URL",
        description="Of a compatible store, such as https://s3.example.org; empty for AWS or the environment's.",
    )
    addressing: Literal["auto", "path", "virtual"] = Field(
        default="auto", description="Whether the bucket stands in the path or in the host name of its address."
    )
    region: str = Field(default="", description="Such as eu-central-1; empty for the environment's.")
    access_key_id: str = Field(
        default="", title="Access key id", description="Empty to take the profile's or the environment's credentials."
    )
    secret_access_key: SecretStr = Field(
        default=SecretStr(""), title="Secret access key", description="Goes with the access key id."
    )
    session_token: SecretStr = Field(
        default=SecretStr(""), title="Session token", description="Of credentials that were lent for a while."
    )
    profile: str = Field(default="", description="A profile of the worker's AWS configuration, with its credentials.")
    role_arn: str = Field(
        default="",
        title="Role ARN",
        description="A role to assume with these credentials, such as arn:aws:iam::123456789012:role/exports.",
    )
    external_id: str = Field(
        default="", title="External id", description="What the owner of the role wants to be told with it."
    )
    encryption: Literal["none", "AES256", "aws:kms", "aws:kms:dsse"] = Field(
        default="none", description="How the store encrypts what it keeps; none leaves it to the bucket."
    )
    kms_key_id: str = Field(
        default="", title="KMS key id", description="Id, ARN or alias; empty for the account's own. With aws:kms only."
    )
    storage_class: str = Field(
        default="", title="Storage class", description="Such as STANDARD_IA or INTELLIGENT_TIERING; empty for STANDARD."
    )
    tags: list[str] = Field(default_factory=list, description="Of each object, such as team=vision; ten at most.")
    acl: Literal["", "private", "bucket-owner-full-control", "bucket-owner-read", "authenticated-read"] = Field(
        default="",
        title="ACL",
        description="For buckets of other accounts that ask for one; uploads are slower with it. Empty: none.",
    )
    requester_pays: bool = Field(default=False, title="Requester pays", description="We pay for what we ask for.")

    link_hours: int = Field(
        default=0,
        ge=0,
        le=168,
        title="Link hours",
        description="Summaries of runs have a link to the package that lets in whoever has it, for so long; 0: none.",
    )

    def storage(self) -> Storage:
        """Open it.

        Raises:
            RequestError: settings that do not go together, by the name of what is wrong.
        """
        self._refuse_nonsense()
        client = {"region_name": self.region} if self.region else {}
        style = {} if self.addressing == "auto" else {"s3": {"addressing_style": self.addressing}}
        options: dict[str, Any] = {"config_kwargs": {**S3_CONFIG, **style}}
        options |= {"endpoint_url": self.endpoint_url} if self.endpoint_url else {}
        options |= {"client_kwargs": client} if client else {}
        options |= {"s3_additional_kwargs": found} if (found := self._of_objects()) else {}
        options |= {"requester_pays": True} if self.requester_pays else {}
        if self.role_arn:
            from blocks.s3_role import assuming  # noqa: PLC0415 - botocore takes its time

            options["session"] = assuming(self.role_arn, self.external_id, self.profile, self._keys("aws_{}"), client)
        else:
            options |= {"profile": self.profile} if self.profile else self._keys("{}")
        storage = Storage(f"s3://{self.bucket}/{self.folder.strip('/')}", options)
        storage.link_seconds = self.link_hours * 3600
        return storage

    def _keys(self, name: Literal["{}", "aws_{}"]) -> dict[str, str]:
        """Credentials of the block under the names of s3fs, or of botocore."""
        words = ("key", "secret", "token") if name == "{}" else ("access_key_id", "secret_access_key", "session_token")
        values = (
            self.access_key_id,
            self.secret_access_key.get_secret_value(),
            self.session_token.get_secret_value(),
        )
        return {name.format(word): value for word, value in zip(words, values, strict=True) if value}

    def _of_objects(self) -> dict[str, Any]:
        """What each request is told that makes an object."""
        said = {
            "ServerSideEncryption": "" if self.encryption == "none" else self.encryption,
            "SSEKMSKeyId": self.kms_key_id,
            "StorageClass": self.storage_class,
            "Tagging": urlencode([(name, value) for name, _, value in (one.partition("=") for one in self.tags)]),
            "ACL": self.acl,
        }
        return {name: value for name, value in said.items() if value}

    def _refuse_nonsense(self) -> None:
        wrong = ""
        if not _BUCKET.fullmatch(self.bucket):
            wrong = f"bucket {self.bucket!r} is no name of one; the folder has a field of its own"
        elif any(part in (".", "..") for part in self.folder.split("/")):
            wrong = f"folder {self.folder!r} leads elsewhere; leave out . and .."
        elif bool(self.access_key_id) != bool(self.secret_access_key.get_secret_value()):
            wrong = "access key id and secret access key go together; give both or none"
        elif self.profile and self.access_key_id:
            wrong = "a profile has keys of its own; give a profile or an access key"
        elif self.external_id and not self.role_arn:
            wrong = "an external id goes with a role; give its ARN"
        elif self.kms_key_id and not self.encryption.startswith("aws:kms"):
            wrong = "a KMS key goes with the encryption aws:kms; choose it"
        elif len(self.tags) > 10 or not all(one.find("=") > 0 for one in self.tags):
            wrong = "tags are not ten at most, each as name=value; correct them"
        if wrong:
            raise RequestError(f"The S3 target cannot be used: {wrong}.")
