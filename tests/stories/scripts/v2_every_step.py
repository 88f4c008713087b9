"""SageMaker SDK 2.x: one pipeline with every kind of step that is run: python v2_every_step.py TRAIN.csv.

TRAIN.csv has no header and the label in its first column.
https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.lambda_helper import Lambda
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
from sagemaker.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionIn,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.endpoint_step import EndpointConfigStep, EndpointStep
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep, TransformStep, TuningStep

INSTANCE, HERE, NAME = "ml.m5.large", "/opt/ml/processing", "Everything"
SPLIT = """
import json, pathlib
here = pathlib.Path("/opt/ml/processing")
lines = (here / "input" / "train.csv").read_text().splitlines()
(here / "train" / "train.csv").write_text("\\n".join(lines[:400]) + "\\n")
(here / "rest" / "rest.csv").write_text("\\n".join(line.partition(",")[2] for line in lines[400:410]) + "\\n")
(here / "report" / "report.json").write_text(json.dumps({"rows": {"train": 400, "all": len(lines)}}))
"""
HANDLER = """
def handler(event, context):
    return {"statusCode": 200, "verdict": event["verdict"].upper(), "rows": event["rows"] + 1}
"""
QUEUE = FUNCTION = "everything"


def main(table: Path) -> None:
    """Make the pipeline, execute it, answer its question, and tell what came of it."""
    session = PipelineSession()
    role = sagemaker.get_execution_role()
    send = {"Effect": "Allow", "Action": ["sqs:SendMessage", "lambda:InvokeFunction"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [send]})
    iam = boto3.client("iam")
    iam.put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="everything", PolicyDocument=policy)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName=FUNCTION,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    data = session.upload_data(str(table), session.default_bucket(), "everything")
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Every(session, role, data, url, Path(folder)).pipeline()
        pipeline.upsert(role_arn=role)
    execution = pipeline.start(parameters={"Rounds": 3})
    message: list[Any] = []
    while not message:
        message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", [])
    asked = json.loads(message[0]["Body"])
    print("asked", json.dumps(asked["arguments"]))
    boto3.client("sagemaker").send_pipeline_execution_step_success(
        CallbackToken=asked["token"], OutputParameters=[{"Name": "verdict", "Value": "go"}]
    )
    execution.wait(delay=1, max_attempts=300)
    print(execution.describe()["PipelineExecutionStatus"])
    for step in execution.list_steps():
        print(step["StepName"], step["StepStatus"], *step["Metadata"])
    answered = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=NAME, ContentType="text/csv", Body=table.read_text().splitlines()[0].partition(",")[2]
    )
    print("predicts", answered["Body"].read().decode())


class Every:
    """The steps, in the order in which they hang together."""

    def __init__(self, session: PipelineSession, role: str, data: str, url: str, folder: Path) -> None:
        self.session, self.role, self.data, self.url, self.folder = session, role, data, url, folder
        self.rounds = ParameterInteger("Rounds", default_value=2)
        self.kind = ParameterString("Kind", default_value=INSTANCE, enum_values=[INSTANCE, "ml.m5.xlarge"])
        self.image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
        self.report = PropertyFile(name="Report", output_name="report", path="report.json")

    def pipeline(self) -> Pipeline:
        """Return the whole."""
        process, ask = self.process(), self.ask()
        train, tune = self.train(process), self.tune(process)
        best = Model(
            self.image,
            model_data=tune.get_top_model_s3_uri(0, self.session.default_bucket(), "everything/tuned"),
            role=self.role,
            sagemaker_session=self.session,
        )
        create = ModelStep("Best", step_args=best.create())
        calling = self.calling(ask)
        steps = [process, train, tune, create, ask, calling, self.decide(process, train, create, calling)]
        return Pipeline(
            NAME, parameters=[self.rounds, self.kind], steps=steps, sagemaker_session=self.session
        )

    def process(self) -> ProcessingStep:
        """Split the table."""
        (self.folder / "split.py").write_text(SPLIT)
        processor = SKLearnProcessor(
            "1.2-1", role=self.role, instance_type=self.kind, instance_count=1, sagemaker_session=self.session
        )
        arguments = processor.run(
            code=str(self.folder / "split.py"),
            inputs=[ProcessingInput(source=self.data, destination=f"{HERE}/input")],
            outputs=[
                ProcessingOutput(output_name=name, source=f"{HERE}/{name}")
                for name in ("train", "rest", "report")
            ],
        )
        return ProcessingStep("Process", step_args=arguments, property_files=[self.report])

    def estimator(self, path: str, rounds: object) -> Estimator:
        """Return XGBoost."""
        known = {"objective": "binary:logistic", "eval_metric": "auc", "num_round": rounds}
        return Estimator(
            self.image,
            role=self.role,
            instance_type=self.kind,
            instance_count=1,
            output_path=f"s3://{self.session.default_bucket()}/everything/{path}",
            hyperparameters=known,
            sagemaker_session=self.session,
        )

    def train(self, process: ProcessingStep) -> TrainingStep:
        """Train as many rounds as the execution wants."""
        estimator = self.estimator("trained", self.rounds.to_string())
        return TrainingStep("Train", step_args=estimator.fit({"train": made(process, "train")}))

    def tune(self, process: ProcessingStep) -> TuningStep:
        """Try two learning rates."""
        tuner = HyperparameterTuner(
            self.estimator("tuned", 2),
            "validation:auc",
            {"eta": ContinuousParameter(0.1, 0.9)},
            max_jobs=2,
            max_parallel_jobs=2,
        )
        channels = {name: made(process, "train") for name in ("train", "validation")}
        return TuningStep("Tune", step_args=tuner.fit(channels))

    def ask(self) -> CallbackStep:
        """Ask whoever reads the queue."""
        outputs = [CallbackOutput("verdict", CallbackOutputTypeEnum.String)]
        inputs = {"rounds": self.rounds, "words": ["is", {"it": Join(on="-", values=["o", "k"])}]}
        return CallbackStep("Ask", sqs_queue_url=self.url, inputs=inputs, outputs=outputs)

    def calling(self, ask: CallbackStep) -> LambdaStep:
        """Call a function with the answer."""
        (self.folder / "handler.py").write_text(HANDLER)
        function = Lambda(
            function_name=FUNCTION,
            execution_role_arn=f"{self.role.rpartition('/')[0]}/{FUNCTION}",
            script=str(self.folder / "handler.py"),
            handler="handler.handler",
        )
        outputs = [
            LambdaOutput("verdict", LambdaOutputTypeEnum.String),
            LambdaOutput("rows", LambdaOutputTypeEnum.Integer),
        ]
        inputs = {"verdict": ask.properties.Outputs["verdict"], "rows": 1}
        return LambdaStep("Call", lambda_func=function, inputs=inputs, outputs=outputs)

    def decide(
        self, process: ProcessingStep, train: TrainingStep, create: ModelStep, calling: LambdaStep
    ) -> ConditionStep:
        """Transform, register and serve if all is well."""
        rows = JsonGet(step_name=process.name, property_file=self.report, json_path="rows['train']")
        inner = ConditionStep(
            "Inner",
            conditions=[ConditionNot(ConditionEquals(calling.properties.Outputs["rows"], 2))],
            if_steps=[FailStep("Never", error_message="not reached")],
            else_steps=self.serving(create),
        )
        return ConditionStep(
            "Decide",
            conditions=[
                ConditionGreaterThan(left=rows, right=100),
                ConditionOr(
                    [ConditionIn(calling.properties.Outputs["verdict"], ["GO", "YES"]), ConditionEquals(1, 2)]
                ),
            ],
            if_steps=[self.transform(process, create), self.register(train), inner],
            else_steps=[
                FailStep(
                    "No", error_message=Join(on=" ", values=["told", calling.properties.Outputs["verdict"]])
                )
            ],
        )

    def transform(self, process: ProcessingStep, create: ModelStep) -> TransformStep:
        """Predict the rest of the rows."""
        transformer = Transformer(
            model_name=create.properties.ModelName,
            instance_type=INSTANCE,
            instance_count=1,
            output_path=f"s3://{self.session.default_bucket()}/everything/predicted",
            sagemaker_session=self.session,
        )
        arguments = transformer.transform(
            made_uri(process, "rest"), content_type="text/csv", split_type="Line"
        )
        return TransformStep("Transform", step_args=arguments)

    def register(self, train: TrainingStep) -> ModelStep:
        """Register what was trained."""
        model = Model(
            self.image,
            model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
            role=self.role,
            sagemaker_session=self.session,
        )
        arguments = model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="Everything",
        )
        return ModelStep("Register", step_args=arguments)

    def serving(self, create: ModelStep) -> list[object]:
        """Put the model behind an endpoint."""
        config = EndpointConfigStep(
            "Configure",
            step_args=self.session.create_endpoint_config(
                name=NAME,
                model_name=create.properties.ModelName,
                initial_instance_count=1,
                instance_type=INSTANCE,
            ),
        )
        serving = self.session.create_endpoint(
            endpoint_name=NAME, config_name=config.properties.EndpointConfigName
        )
        return [config, EndpointStep("Serve", step_args=serving)]


def made(process: ProcessingStep, name: str) -> TrainingInput:
    """Return a channel of what a step put out."""
    return TrainingInput(made_uri(process, name), content_type="text/csv")


def made_uri(process: ProcessingStep, name: str) -> object:
    """Return where a step puts an output."""
    return process.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


if __name__ == "__main__":
    main(Path(sys.argv[1]))
