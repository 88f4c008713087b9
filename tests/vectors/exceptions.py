"""Every published protocol case that our side of the wire does not reproduce, with the reason.

A case listed here that starts to pass fails the test: the list only ever gets shorter. The answers of listed
output cases must still be read by botocore's parser as the case's result.
"""

from __future__ import annotations

_TOKEN = "the client makes up the token; what arrives is an ordinary value, and is read as one"
_UNSENT = "an empty list or map leaves no trace in the request, so its absence is what a server sees"
_EMPTY_OBJECT = "the client sends {} for a payload it lacks; a server reads the empty structure that came"
_ALL_IN_MAP = "servers put every query parameter into the map; the case lists only what a client puts there"
_CLIENT_PATH = "the path in front is that of the client's endpoint, which a server is not told about"
_OVERWRITTEN = "the client drops the map's value in favour of the named one; it cannot be recovered"
_JSON_VALUE = "the case holds the header's JSON as text; botocore's users, and our documents, its value"
_SHAPE_NAME = "botocore folds an XML name of the shape into its members; its own tests skip the case too"

_OFFSET = "shows that clients read any offset; we always write UTC"
_UNKNOWN = "shows that clients skip members their model does not have; we never send one"
_NULL = "shows that clients skip nulls; we leave unset members out"
_NO_BODY = "shows that clients accept no body in place of an empty object; we write the object"
_NO_OUTPUT = "shows that clients accept an empty CBOR map with its type; without output we send neither"
_ROOT = "botocore's model has the member's name for the root, which S3 needs; no client looks at a root"
_NO_NAMESPACE = "the published answer leaves out a namespace that its model declares"
_WRONG_BODY = "the published body belongs to another case: it has members the result and the model do not"

INPUT: dict[str, str] = {
    "query-QueryEmptyQueryMaps": _UNSENT,
    "query-QueryProtocolIdempotencyTokenAutoFill": _TOKEN,
    "rest-json-MediaTypeHeaderInputBase64": _JSON_VALUE,
    "rest-json-RestJsonHostWithPath": _CLIENT_PATH,
    "rest-json-RestJsonHttpWithEmptyStructurePayload": _EMPTY_OBJECT,
    "rest-json-RestJsonHttpWithHeadersButNoPayload": _EMPTY_OBJECT,
    "rest-json-RestJsonOmitsEmptyListQueryValues": _UNSENT,
    "rest-json-RestJsonQueryIdempotencyTokenAutoFill": _TOKEN,
    "rest-json-RestJsonQueryParamsStringListMap": _ALL_IN_MAP,
    "rest-json-RestJsonQueryPrecedence": _OVERWRITTEN,
    "rest-xml-AllQueryStringTypes": _ALL_IN_MAP,
    "rest-xml-BodyWithXmlName": _SHAPE_NAME,
    "rest-xml-QueryIdempotencyTokenAutoFill": _TOKEN,
    "rest-xml-RestXmlQueryParamsStringListMap": _ALL_IN_MAP,
    "rest-xml-RestXmlQueryPrecedence": _OVERWRITTEN,
    "rest-xml-RestXmlQueryStringEscaping": _ALL_IN_MAP,
    "rest-xml-RestXmlSupportsInfinityFloatQueryValues": _ALL_IN_MAP,
    "rest-xml-RestXmlSupportsNaNFloatQueryValues": _ALL_IN_MAP,
    "rest-xml-RestXmlSupportsNegativeInfinityFloatQueryValues": _ALL_IN_MAP,
    "rest-xml-RestXmlZeroAndFalseQueryValues": _ALL_IN_MAP,
}

OUTPUT: dict[str, str] = {
    "json-AwsJson11DateTimeWithNegativeOffset": _OFFSET,
    "json-AwsJson11DateTimeWithPositiveOffset": _OFFSET,
    "json-AwsJson11DeserializeIgnoreType": _UNKNOWN,
    "json-AwsJson11StructuresDontDeserializeNullValues": _NULL,
    "json-handles_unexpected_json_output": _UNKNOWN,
    "json-json_1_1_service_responds_with_no_payload": _NO_BODY,
    "json_1_0-AwsJson10DeserializeAllowNulls": _NULL,
    "json_1_0-AwsJson10DeserializeIgnoreType": _UNKNOWN,
    "json_1_0-AwsJson10HandlesUnexpectedJsonOutput": _UNKNOWN,
    "json_1_0-AwsJson10ServiceRespondsWithNoPayload": _NO_BODY,
    "query-AwsQueryDateTimeWithNegativeOffset": _OFFSET,
    "query-AwsQueryDateTimeWithPositiveOffset": _OFFSET,
    "query-QueryXmlNamespaces": _NO_NAMESPACE,
    "rest-json-MediaTypeHeaderOutputBase64": _JSON_VALUE,
    "rest-json-RestJsonDateTimeWithNegativeOffset": _OFFSET,
    "rest-json-RestJsonDateTimeWithPositiveOffset": _OFFSET,
    "rest-json-RestJsonDeserializeIgnoreType": _UNKNOWN,
    "rest-json-RestJsonDeserializesDenseSetMapAndSkipsNull": _NULL,
    "rest-json-RestJsonDoesntDeserializeNullStructureValues": _NULL,
    "rest-json-RestJsonEmptyInputAndEmptyOutputJsonObjectOutput": _NO_BODY,
    "rest-json-RestJsonGreetingWithErrorsNoPayload": _NO_BODY,
    "rest-json-RestJsonHttpResponseCodeWithNoPayload": _NO_BODY,
    "rest-json-RestJsonIgnoreQueryParamsInResponseNoPayload": _NO_BODY,
    "rest-json-RestJsonNoInputAndOutputNoPayload": _NO_BODY,
    "rest-xml-BodyWithXmlName": _SHAPE_NAME,
    "rest-xml-HttpPayloadWithXmlName": _ROOT,
    "rest-xml-HttpPayloadWithXmlNamespace": _ROOT,
    "rest-xml-HttpPayloadWithXmlNamespaceAndPrefix": _ROOT,
    "rest-xml-InvalidGreetingError": _UNKNOWN,
    "rest-xml-RestXmlDateTimeWithNegativeOffset": _OFFSET,
    "rest-xml-RestXmlDateTimeWithPositiveOffset": _OFFSET,
    "rest-xml-RestXmlHttpPayloadWithUnion": _ROOT,
    "smithy-rpc-v2-cbor-NoOutputClientAllowsEmptyCbor": _NO_OUTPUT,
    "smithy-rpc-v2-cbor-RpcV2CborClientDoesntDeserializeNullStructureValues": _NULL,
    "smithy-rpc-v2-cbor-RpcV2CborDeserializesDenseSetMapAndSkipsNull": _NULL,
    "smithy-rpc-v2-cbor-RpcV2CborExtraFieldsInTheBodyShouldBeSkippedByClients": _UNKNOWN,
    "smithy-rpc-v2-cbor-RpcV2CborPayloadWithUnsetUnion": _WRONG_BODY,
}
