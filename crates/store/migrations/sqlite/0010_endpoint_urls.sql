-- The URL of a webhook, sealed: its path and its query may hold a secret of the other side. The endpoint
-- itself only names whose it is. Those that stood in plain have to be set again.

CREATE TABLE endpoint_url (
    endpoint_id TEXT PRIMARY KEY NOT NULL REFERENCES endpoint (id),
    sealed BLOB NOT NULL
) WITHOUT ROWID;

UPDATE endpoint SET version = version + 1, body = json_set(
    json_remove(body, '$.target.webhook.url'), '$.target.webhook.origin', '…')
WHERE json_type(body, '$.target.webhook.url') IS NOT NULL;
