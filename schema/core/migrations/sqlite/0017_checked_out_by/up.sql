-- Whoever leaves hands over what he has checked out: that is found by who he is.
CREATE INDEX version_series_checked_out ON version_series (checked_out_by) WHERE checked_out_by IS NOT NULL;
