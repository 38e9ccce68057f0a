"""The transform AWS::LanguageExtensions, as SAM implements it.

`emulator.py` runs this with SAM's own Python. The input is JSON: a template and the values of its parameters. The
output is the template with these values in place.
"""

import json
import sys

from samcli.lib.cfn_language_extensions import api
from samcli.lib.cfn_language_extensions.resolvers.fn_sub import FnSubResolver
from samcli.lib.cfn_language_extensions.sam_integration import process_template_for_sam_cli


class SubResolver(FnSubResolver):
    """Keeps Fn::Sub for values that only the stack knows. SAM's own implementation leaves a bare string."""

    def resolve(self, value):
        text = super().resolve(value)
        return {"Fn::Sub": text} if "${" in text else text

    def _value_to_string(self, value):
        return value["Fn::Sub"] if isinstance(value, dict) else super()._value_to_string(value)


api.FnSubResolver = SubResolver
resolve = process_template_for_sam_cli

if __name__ == "__main__":
    json.dump(resolve(*json.load(sys.stdin)), sys.stdout)
