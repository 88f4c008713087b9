"""SageMaker SDK 2.x: asynchronous inference, its answers, failures and messages: python v2_async.py DATA.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.exceptions import AsyncInferenceModelError
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

INSTANCE = "ml.m5.large"
SOON = WaiterConfig(max_attempts=120, delay=1)


def main(train: Path) -> None:
    """DATA has no header and the label in its first column."""
    session = sagemaker.Session()
    bucket = session.default_bucket()
    folder = f"s3://{bucket}/stories/async"
    rows = [[float(value) for value in line.split(",")[1:]] for line in train.read_text().splitlines()[:5]]
    topic, queue = topic_and_queue()
    estimator = xgboost(session)
    data = session.upload_data(str(train), bucket, "stories/async/train")
    estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
    predictor = estimator.deploy(
        initial_instance_count=1,
        instance_type=INSTANCE,
        serializer=CSVSerializer(),
        deserializer=CSVDeserializer(),
        async_inference_config=AsyncInferenceConfig(
            output_path=f"{folder}/out",
            failure_path=f"{folder}/failed",
            max_concurrent_invocations_per_instance=2,
            notification_config={
                "SuccessTopic": topic,
                "ErrorTopic": topic,
                "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
            },
        ),
    )
    print(type(predictor).__name__, predictor.endpoint_name)
    waited = predictor.predict(rows, waiter_config=SOON)
    print("waited", json.dumps(waited))
    text = "\n".join(",".join(str(value) for value in row) for row in rows)
    location = S3Uploader.upload_string_as_file_body(text, f"{folder}/in/rows.csv", sagemaker_session=session)
    later = predictor.predict_async(
        input_path=location, initial_args={"ContentType": "text/csv"}, inference_id="rows"
    )
    print("later", later.output_path.startswith(f"{folder}/out/"), json.dumps(later.get_result(SOON)))
    attached = AsyncPredictor(
        Predictor(
            predictor.endpoint_name, session, serializer=CSVSerializer(), deserializer=CSVDeserializer()
        )
    )
    print("attached", json.dumps(attached.predict(rows[:1], waiter_config=SOON)))
    bad = S3Uploader.upload_string_as_file_body(
        "no,numbers", f"{folder}/in/bad.csv", sagemaker_session=session
    )
    try:
        predictor.predict(input_path=bad, initial_args={"ContentType": "text/csv"}, waiter_config=SOON)
    except AsyncInferenceModelError as error:
        print("failed", json.dumps(str(error)))
    for message in messages(queue, 4):
        print("message", json.dumps(message))
    predictor.delete_endpoint()


def xgboost(session: sagemaker.Session) -> Estimator:
    """Return an estimator of the built-in XGBoost."""
    image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
    estimator = Estimator(image, sagemaker.get_execution_role(), 1, INSTANCE, sagemaker_session=session)
    estimator.set_hyperparameters(objective="binary:logistic", num_round=5)
    return estimator


def topic_and_queue() -> tuple[str, str]:
    """Make a topic, and a queue that gets its messages; return the topic's ARN and the queue's URL."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic: str = sns.create_topic(Name="sagemaker-async")["TopicArn"]
    queue: str = sqs.create_queue(QueueName="sagemaker-async")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, queue


def messages(queue: str, count: int) -> list[dict[str, object]]:
    """Wait for so many messages."""
    sqs = boto3.client("sqs")
    found: list[dict[str, object]] = []
    while len(found) < count:
        batch = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        for each in batch.get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
            found.append(json.loads(json.loads(each["Body"])["Message"]))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
