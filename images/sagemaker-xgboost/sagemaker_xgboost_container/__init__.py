"""What AWS's XGBoost container offers to scripts under this name, over the programs of this image
(docs/evidence/xgboost-scripts.md)."""
