"""How much of what an account may use; evidence/service-quotas.md says where the numbers are from."""
