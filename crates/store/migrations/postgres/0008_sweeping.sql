-- Whether a body is named is asked by its id, and what notices are mended, by when.

CREATE INDEX collected_blob ON collected (blob_id);
CREATE INDEX notice_mended ON notice (mended_at, id);
