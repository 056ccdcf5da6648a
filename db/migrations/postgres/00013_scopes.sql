-- +goose Up
-- Raw events and metrics get scopes of their own. Tokens that could read them still can.
UPDATE api_tokens SET scopes = scopes || ' events:raw metrics' WHERE ' ' || scopes || ' ' LIKE '% read %';

-- +goose Down
