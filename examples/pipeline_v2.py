"""SageMaker SDK 2.x: the Abalone pipeline: python pipeline_v2.py ABALONE.csv.

Process, train, evaluate; if the error is small enough, make a model, predict a batch with it and register it;
if not, fail and say so. ABALONE.csv is UCI's table, without a header. Nothing here knows where the server is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep

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
        self.approval = ParameterString("ModelApprovalStatus", default_value="PendingManualApproval")
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
            parameters=[self.count, self.approval, self.input, self.unseen, self.limit],
            steps=[process, train, evaluate, self.decide(train, evaluate)],
            sagemaker_session=self.session,
        )

    def process(self) -> ProcessingStep:
        """Split and scale the table with scikit-learn."""
        processor = SKLearnProcessor(
            framework_version="1.2-1",
            role=self.role,
            instance_type=INSTANCE,
            instance_count=self.count,
            sagemaker_session=self.session,
        )
        arguments = processor.run(
            code=str(CODE / "preprocess.py"),
            inputs=[ProcessingInput(source=self.input, destination=f"{HERE}/input")],
            outputs=[ProcessingOutput(output_name=name, source=f"{HERE}/{name}") for name in PARTS],
        )
        return ProcessingStep("AbaloneProcess", step_args=arguments, cache_config=CACHE)

    def train(self, process: ProcessingStep) -> TrainingStep:
        """Train the built-in XGBoost on what was prepared."""
        estimator = Estimator(
            image_uri=self.image,
            role=self.role,
            instance_type=INSTANCE,
            instance_count=1,
            output_path=f"s3://{self.session.default_bucket()}/abalone/train",
            hyperparameters={"objective": "reg:squarederror", "num_round": 50, "max_depth": 5, "eta": 0.2},
            disable_profiler=True,
            sagemaker_session=self.session,
        )
        channels = {
            name: TrainingInput(made(process, name), content_type="text/csv")
            for name in PARTS
            if name != "test"
        }
        return TrainingStep("AbaloneTrain", step_args=estimator.fit(channels), cache_config=CACHE)

    def evaluate(self, process: ProcessingStep, train: TrainingStep) -> ProcessingStep:
        """Measure the model on rows that it has not seen."""
        processor = ScriptProcessor(
            image_uri=self.image,
            command=["python3"],
            role=self.role,
            instance_type=INSTANCE,
            instance_count=1,
            sagemaker_session=self.session,
        )
        model = train.properties.ModelArtifacts.S3ModelArtifacts
        arguments = processor.run(
            code=str(CODE / "evaluate.py"),
            inputs=[
                ProcessingInput(source=model, destination=f"{HERE}/model"),
                ProcessingInput(source=made(process, "test"), destination=f"{HERE}/test"),
            ],
            outputs=[ProcessingOutput(output_name="evaluation", source=f"{HERE}/evaluation")],
        )
        return ProcessingStep(
            "AbaloneEvaluate", step_args=arguments, property_files=[REPORT], cache_config=CACHE
        )

    def decide(self, train: TrainingStep, evaluate: ProcessingStep) -> ConditionStep:
        """Register what is good enough, and say why where it is not."""
        model = Model(
            image_uri=self.image,
            model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
            role=self.role,
            sagemaker_session=self.session,
        )
        create = ModelStep("AbaloneCreate", step_args=model.create(instance_type=INSTANCE))
        transformer = Transformer(
            model_name=create.properties.ModelName,
            instance_type=INSTANCE,
            instance_count=1,
            output_path=f"s3://{self.session.default_bucket()}/abalone/predicted",
            sagemaker_session=self.session,
        )
        predictions = transformer.transform(self.unseen, content_type="text/csv", split_type="Line")
        transform = TransformStep("AbaloneTransform", step_args=predictions)
        register = ModelStep("AbaloneRegister", step_args=self.registration(model, evaluate))
        mse = JsonGet(step_name=evaluate.name, property_file=REPORT, json_path="regression_metrics.mse.value")
        why = Join(on=" ", values=["The mean squared error is above", self.limit])
        return ConditionStep(
            "AbaloneDecide",
            conditions=[ConditionLessThanOrEqualTo(left=mse, right=self.limit)],
            if_steps=[create, transform, register],
            else_steps=[FailStep("AbaloneFail", error_message=why)],
        )

    def registration(self, model: Model, evaluate: ProcessingStep) -> object:
        """Return what registers a model with its report."""
        output = evaluate.arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        report = Join(on="/", values=[output, "evaluation.json"])
        return model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="AbaloneModels",
            approval_status=self.approval,
            model_metrics=ModelMetrics(
                model_statistics=MetricsSource(s3_uri=report, content_type="application/json")
            ),
        )


def made(process: ProcessingStep, name: str) -> object:
    """Return where a step puts an output."""
    return process.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def main(table: Path) -> None:
    """Upload the table, make the pipeline, execute it and tell of its steps."""
    session = PipelineSession()
    bucket = session.default_bucket()
    data = session.upload_data(str(table), bucket, "abalone/data")
    unseen = table.with_name("unseen.csv")
    unseen.write_text("\n".join(["0,0,0,0,0,0,0,0,0,1", "1,1,1,1,1,1,1,1,0,0"]) + "\n")
    batch = session.upload_data(str(unseen), bucket, "abalone/batch")
    pipeline = Abalone(session, sagemaker.get_execution_role(), data, batch).pipeline("Abalone")
    pipeline.upsert(role_arn=sagemaker.get_execution_role())
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=300)
    print(execution.arn, execution.describe()["PipelineExecutionStatus"])
    for step in reversed(execution.list_steps()):
        print(step["StepName"], step["StepStatus"], step["Metadata"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
