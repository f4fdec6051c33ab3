"""Addresses of object stores: what they say, and what is refused."""

from __future__ import annotations

import pytest

from unshelve.errors import Refused
from unshelve.storage.addresses import ObjectAddress, object_address, scheme_of


def test_an_address_is_read_into_its_parts() -> None:
    assert object_address("s3://models/of/ours?endpoint=https://s3.example.com:9000/&region=eu-north-1") == (
        ObjectAddress("s3", "models", "of/ours", endpoint="https://s3.example.com:9000", region="eu-north-1")
    )
    assert object_address("az://models/x?account=ours&anonymous=true") == (
        ObjectAddress("az", "models", "x", account="ours", anonymous=True)
    )
    assert object_address("GS://models") == ObjectAddress("gs", "models", "")


def test_what_people_are_shown_is_the_address_without_its_options() -> None:
    assert object_address("s3://models/of/ours?region=eu-north-1").name == "s3://models/of/ours"
    assert object_address("s3://models/").name == "s3://models"


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIAIOSFODNN7:hush-hush@models/x",
        "s3://hush-hush@models/x",
        "s3://models/x?secret_access_key=hush-hush",
        "s3://models/x?aws_session_token=hush-hush",
        "az://models/x?account_key=hush-hush",
        "az://models/x?sig=hush-hush",
        "az://models/x?sas_token=hush-hush",
        "s3://models/x?endpoint=https://user:hush-hush@s3.example.com",
        "s3://models/x?endpoint=https://s3.example.com?token%3Dhush-hush",
    ],
)
def test_an_address_with_a_credential_is_refused_without_saying_it(address: str) -> None:
    with pytest.raises(Refused, match="in the environment of the server") as caught:
        object_address(address)
    assert caught.value.subject_code == "credential-in-address"
    assert "hush" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "models/x",
        "ftp://models/x",
        "s3://",
        "s3:///x",
        "s3://-models",
        "s3://models/../x",
        "s3://models/a//b",
        "s3://models/a%0Ab",
        "s3://models/x#part",
        "s3://models?endpoint=s3.example.com",
        "s3://models?endpoint=https://s3.example.com:port",
        "s3://models?endpoint=file:///etc",
        "s3://models?anonymous=perhaps",
        "gs://models?region=eu-north-1",
    ],
)
def test_what_is_no_address_of_objects_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        object_address(address)


def test_an_option_that_is_not_known_is_said_with_what_is_near() -> None:
    with pytest.raises(Refused, match="Did you mean region"):
        object_address("s3://models/x?regoin=eu-north-1")


def test_a_path_has_no_scheme() -> None:
    assert [scheme_of(text) for text in ("/var/blobs", "blobs", "file:///x", "S3://x")] == ["", "", "file", "s3"]
