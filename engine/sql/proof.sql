-- What was done with exactly these texts.

-- :name proof_ages
-- How many seconds ago it was last. $1 the event's kind, $2 files, $3 their tokens.
SELECT x.id, extract(epoch FROM clock_timestamp() - max(e.at))::bigint
FROM stint.event e JOIN unnest($2::text[], $3::text[]) AS x (id, tokens) ON e.facts -> 'texts' ->> x.id = x.tokens
WHERE e.kind = $1 AND NOT e.undone GROUP BY x.id
