"""What is known of a lineage without looking anything up: what entities are, and what jobs leave behind."""
