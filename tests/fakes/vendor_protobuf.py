"""The messages of the vendor's protobuf file, made by Google's library: what other clients send and read."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELDS = {
    "PutRecordsRequest": "streamName=1 string, records=2 PutRecordsRequestEntry, streamId=30 string",
    "PutRecordsRequestEntry": "data=3 bytes, explicitHashKey=4 string, partitionKey=5 string, partitionId=6 string, "
    "extendedInfo=7 PutRecordsRequestEntryExtendedInfo, timestamp=29 int64",
    "PutRecordsRequestEntryExtendedInfo": "fileName=8 string, deliverDataId=9 string, endFlag=10 bool, seqNum=11 int64",
    "PutRecordsResult": "failedRecordCount=21 int32, records=22 PutRecordsResultEntry",
    "PutRecordsResultEntry": "shardId=23 string, sequenceNumber=24 string, errorCode=25 string, errorMessage=26 string",
    "GetRecordsResult": "nextShardIterator=14 string, records=16 Record",
    "Record": "partitionKey=17 string, sequenceNumber=18 string, data=19 bytes, timestamp=27 int64, timestampType=28 string",
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="vendor.proto", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for text in fields.split(", "):
            field, _, rest = text.partition("=")
            number, _, kind = rest.partition(" ")
            added = message.field.add(name=field, number=int(number), label=kinds.LABEL_OPTIONAL)
            if kind in _FIELDS:
                added.type, added.type_name = kinds.TYPE_MESSAGE, kind
                added.label = kinds.LABEL_REPEATED if field == "records" else kinds.LABEL_OPTIONAL
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in _FIELDS}


CLASSES = _classes()
PutRecordsRequest = CLASSES["PutRecordsRequest"]
PutRecordsResult = CLASSES["PutRecordsResult"]
GetRecordsResult = CLASSES["GetRecordsResult"]
