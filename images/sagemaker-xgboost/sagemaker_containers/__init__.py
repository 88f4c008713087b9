"""What AWS's containers once offered to scripts under this name, as far as XGBoost's samples use it
(docs/evidence/xgboost-scripts.md)."""
