"""The service description in `clients/botocore`, compared with that of the last botocore with these operations.

`make test` runs it, in the virtual environment with this botocore.
"""

import json

import botocore.session
import pytest
from botocore.model import ServiceModel

from helpers.serving import ROOT

DESCRIPTION = json.loads((ROOT / "clients/botocore/chime/2018-05-01/service-2.json").read_text())
OURS = ServiceModel(DESCRIPTION)
THEIRS = botocore.session.get_session().get_service_model("chime")


def constraints(shape):
    """A shape's constraints on a value, without its name and documentation."""
    if shape is None:
        return None
    said = {"type": shape.type_name, "metadata": shape.metadata, "location": shape.serialization}
    if shape.type_name == "structure":
        said["members"] = {name: constraints(member) for name, member in shape.members.items()}
    elif shape.type_name == "list":
        said["member"] = constraints(shape.member)
    return said


def error_constraints(operation):
    """The constraints of its errors by name, and the codes. botocore's include those of operations missing here."""
    errors = {shape.name: constraints(shape) for shape in operation.error_shapes}
    codes = [error["members"]["Code"]["metadata"].pop("enum") for error in errors.values()]
    return errors, codes


@pytest.mark.parametrize("name", OURS.operation_names)
def test_each_operation_matches_botocore(name):
    ours, theirs = OURS.operation_model(name), THEIRS.operation_model(name)
    assert ours.http == theirs.http
    assert constraints(ours.input_shape) == constraints(theirs.input_shape)
    assert constraints(ours.output_shape) == constraints(theirs.output_shape)
    our_errors, our_codes = error_constraints(ours)
    their_errors, their_codes = error_constraints(theirs)
    assert our_errors == their_errors
    assert all(set(codes) <= set(their_codes[0]) for codes in our_codes)


def test_the_service_metadata_matches_botocore():
    def seen(model):
        return {name: model.metadata[name] for name in (
            "apiVersion", "endpointPrefix", "protocol", "serviceId", "signatureVersion", "uid",
        )}

    assert seen(OURS) == seen(THEIRS)


def test_all_members_are_documented_and_all_shapes_are_used():
    used = set()

    def walk(shape):
        used.add(shape.name)
        for member in getattr(shape, "members", {}).values():
            walk(member)
        if shape.type_name == "list":
            walk(shape.member)

    for name in OURS.operation_names:
        operation = OURS.operation_model(name)
        assert operation.documentation, name
        for shape in filter(None, (operation.input_shape, operation.output_shape)):
            walk(shape)
            for member_name, member in shape.members.items():
                assert member.documentation, f"{name}: {member_name}"
        for shape in operation.error_shapes:
            assert shape.documentation, shape.name
            walk(shape)
    assert used == set(OURS.shape_names)


def test_the_last_botocore_with_these_operations_signs_for_execute_api(monkeypatch):
    monkeypatch.setenv("AWS_DATA_PATH", str(ROOT / "clients/botocore-execute-api"))
    model = botocore.session.Session().get_service_model("chime")
    assert model.signing_name == "execute-api"
    assert "ListAccounts" in model.operation_names
