"""AWS Lambda: functions in Python, as far as pipelines, events and labelling need them."""
