"""SageMaker SDK 3.x: the Abalone pipeline: python pipeline_v3.py ABALONE.csv.

Process, train, evaluate; if the error is small enough, make a model, predict a batch with it and register it;
if not, fail and say so. ABALONE.csv is UCI's table, without a header. Nothing here knows where the server is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig

CODE = Path(__file__).resolve().parent / "code" / "abalone"
INSTANCE = "ml.m5.large"
HERE = "/opt/ml/processing"
PARTS = ("train", "validation", "test")
CACHE = CacheConfig(enable_caching=True, expire_after="P30D")
REPORT = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")


@dataclass
class Abalone:
    """The pipeline's parameters, and its steps one after the other."""

    session: PipelineSession
    role: str
    data: str
    batch: str
    image: str = field(init=False)

    def __post_init__(self) -> None:
        self.image = image_uris.retrieve("xgboost", self.session.boto_region_name, "1.7-1")
        self.count = ParameterInteger("ProcessingInstanceCount", default_value=1)
        self.input = ParameterString("InputData", default_value=self.data)
        self.unseen = ParameterString("BatchData", default_value=self.batch)
        self.limit = ParameterFloat("MseThreshold", default_value=6.0)

    def pipeline(self, name: str) -> Pipeline:
        """Return the whole."""
        process = self.process()
        train = self.train(process)
        evaluate = self.evaluate(process, train)
        return Pipeline(
            name=name,
            parameters=[self.count, self.input, self.unseen, self.limit],
            steps=[process, train, evaluate, self.decide(train, evaluate)],
            sagemaker_session=self.session,
        )

    def process(self) -> ProcessingStep:
        """Split and scale the table with scikit-learn."""
        image = image_uris.retrieve("sklearn", self.session.boto_region_name, "1.2-1", instance_type=INSTANCE)
        arguments = self.processor(image, self.count).run(
            code=str(CODE / "preprocess.py"),
            inputs=[given("table", self.input, f"{HERE}/input")],
            outputs=[self.output(name) for name in PARTS],
        )
        return ProcessingStep("AbaloneProcess", step_args=arguments, cache_config=CACHE)

    def train(self, process: ProcessingStep) -> TrainingStep:
        """Train the built-in XGBoost on what was prepared."""
        trainer = ModelTrainer(
            training_image=self.image,
            compute=Compute(instance_type=INSTANCE, instance_count=1),
            hyperparameters={"objective": "reg:squarederror", "num_round": 50, "max_depth": 5, "eta": 0.2},
            input_data_config=[
                InputData(channel_name=name, data_source=made(process, name), content_type="text/csv")
                for name in PARTS
                if name != "test"
            ],
            output_data_config=OutputDataConfig(
                s3_output_path=f"s3://{self.session.default_bucket()}/abalone3/train"
            ),
            base_job_name="abalone",
            sagemaker_session=self.session,
            role=self.role,
        )
        return TrainingStep("AbaloneTrain", step_args=trainer.train(), cache_config=CACHE)

    def evaluate(self, process: ProcessingStep, train: TrainingStep) -> ProcessingStep:
        """Measure the model on rows that it has not seen."""
        arguments = self.processor(self.image, 1).run(
            code=str(CODE / "evaluate.py"),
            inputs=[
                given("model", train.properties.ModelArtifacts.S3ModelArtifacts, f"{HERE}/model"),
                given("test", made(process, "test"), f"{HERE}/test"),
            ],
            outputs=[self.output("evaluation")],
        )
        return ProcessingStep(
            "AbaloneEvaluate", step_args=arguments, property_files=[REPORT], cache_config=CACHE
        )

    def decide(self, train: TrainingStep, evaluate: ProcessingStep) -> ConditionStep:
        """Register what is good enough, and say why where it is not."""
        builder = ModelBuilder(
            s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
            image_uri=self.image,
            sagemaker_session=self.session,
            role_arn=self.role,
        )
        create = ModelStep("AbaloneCreate", step_args=builder.build())
        transformer = Transformer(
            model_name=create.properties.ModelName,
            instance_type=INSTANCE,
            instance_count=1,
            output_path=f"s3://{self.session.default_bucket()}/abalone3/predicted",
            sagemaker_session=self.session,
        )
        predictions = transformer.transform(self.unseen, content_type="text/csv", split_type="Line")
        transform = TransformStep("AbaloneTransform", step_args=predictions)
        registration = builder.register(
            model_package_group_name="AbaloneModels3",
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            approval_status="Approved",
        )
        register = ModelStep("AbaloneRegister", step_args=registration)
        mse = JsonGet(step_name=evaluate.name, property_file=REPORT, json_path="regression_metrics.mse.value")
        why = Join(on=" ", values=["The mean squared error is above", self.limit])
        return ConditionStep(
            "AbaloneDecide",
            conditions=[ConditionLessThanOrEqualTo(left=mse, right=self.limit)],
            if_steps=[create, transform, register],
            else_steps=[FailStep("AbaloneFail", error_message=why)],
        )

    def processor(self, image: str, count: object) -> ScriptProcessor:
        """Return what runs a script in an image."""
        return ScriptProcessor(
            image_uri=image,
            command=["python3"],
            role=self.role,
            instance_type=INSTANCE,
            instance_count=count,
            sagemaker_session=self.session,
        )

    def output(self, name: str) -> ProcessingOutput:
        """Return an output that each execution puts in a place of its own."""
        bucket = self.session.default_bucket()
        uri = Join(on="/", values=[f"s3://{bucket}/abalone3", ExecutionVariables.PIPELINE_EXECUTION_ID, name])
        target = ProcessingS3Output(s3_uri=uri, local_path=f"{HERE}/{name}", s3_upload_mode="EndOfJob")
        return ProcessingOutput(output_name=name, s3_output=target)


def given(name: str, uri: object, path: str) -> ProcessingInput:
    """Return an input that lies at a path."""
    source = ProcessingS3Input(s3_uri=uri, local_path=path, s3_data_type="S3Prefix", s3_input_mode="File")
    return ProcessingInput(input_name=name, s3_input=source)


def made(process: ProcessingStep, name: str) -> object:
    """Return where a step puts an output."""
    return process.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def main(table: Path) -> None:
    """Upload the table, make the pipeline, execute it and tell of its steps."""
    session = PipelineSession()
    bucket, role = session.default_bucket(), get_execution_role(session)
    data = session.upload_data(str(table), bucket, "abalone3/data")
    unseen = table.with_name("unseen.csv")
    unseen.write_text("\n".join(["0,0,0,0,0,0,0,0,0,1", "1,1,1,1,1,1,1,1,0,0"]) + "\n")
    batch = session.upload_data(str(unseen), bucket, "abalone3/batch")
    pipeline = Abalone(session, role, data, batch).pipeline("Abalone3")
    pipeline.upsert(role_arn=role)
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=300)
    print(execution.arn, execution.describe()["PipelineExecutionStatus"])
    for step in reversed(execution.list_steps()):
        print(step["StepName"], step["StepStatus"], step["Metadata"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
