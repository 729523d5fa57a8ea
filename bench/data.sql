-- Fills an empty tree: a draft with everybody's lot, and from it the portal's tables. Triggers are off, checks are on.
SET TIME ZONE 'UTC';
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
SELECT setseed(0.5);

CREATE TEMP TABLE word AS
SELECT * FROM unnest(%(words)s::text[], %(folded)s::text[]) WITH ORDINALITY AS w (word, folded, n);
CREATE TEMP TABLE lot AS
SELECT * FROM unnest(%(stories)s::text[], %(steps)s::int[]) WITH ORDINALITY AS l (story, step, n);
-- What is found by the words that many share, worked out once: their beginnings behind the key of each list.
CREATE TEMP TABLE found AS
SELECT key, words, array(
  SELECT key || left(word, letters)
  FROM unnest(string_to_array(words, ' ')) AS word CROSS JOIN generate_series(1, %(longest)s) AS letters
  WHERE letters <= length(word)
) AS elements
FROM unnest(ARRAY[%(distributor)s || 'p', %(distributor)s || 'p-', %(distributor)s || 'c', %(distributor)s || 'c-']) AS key
CROSS JOIN unnest(%(folded)s::text[] || lower(%(suffixes)s::text)::text[]
  || ARRAY['it example', 'it example onmicrosoft com']) AS words;

-- `step`: how far the onboarding came (0 link sent, 1 started, 2 consented, 3 configured, 4 imported).
CREATE TEMP TABLE draft AS
SELECT id, kind, parent_id, story, step, tid, luck, began_at, a.folded AS first, b.folded AS second, suffix,
       a.word || ' ' || b.word || ' ' || suffix AS name,
       a.folded || ' ' || b.folded || ' ' || lower(suffix) AS name_key,
       a.folded || b.folded || id AS host,
       coalesce(began_at - interval '48 hours', %(now)s - luck * interval '480 hours') AS created_at
FROM (
  SELECT %(first)s + n AS id,
         CASE WHEN n < %(partners)s THEN 'partner' ELSE 'customer' END AS kind,
         CASE WHEN n < %(partners)s THEN %(distributor)s WHEN n < %(partners)s + %(largest)s THEN %(first)s
           ELSE %(first)s + mod(n, %(partners)s) END AS parent_id,
         floor(random() * 500)::int AS one, 1 + floor(random() * 499)::int AS further, random() AS luck,
         CASE WHEN n = 0 THEN 200 ELSE 1 + floor(random() * 200) END AS drawn, -- the largest Partner is in production
         (%(suffixes)s::text[])[1 + floor(random() * 5)::int] AS suffix,
         gen_random_uuid() AS tid
  FROM generate_series(0, %(partners)s + %(customers)s - 1) AS n
) AS dice
JOIN lot ON lot.n = drawn
JOIN word AS a ON a.n = 1 + one
JOIN word AS b ON b.n = 1 + mod(one + further, 500)
CROSS JOIN LATERAL (
  SELECT CASE WHEN step = 4 THEN %(now)s - CASE story
    WHEN 'extended' THEN interval '264 hours' + luck * interval '240 hours'
    WHEN 'held' THEN interval '336 hours' + luck * interval '24 hours'
    WHEN 'expired' THEN interval '336 hours' + luck * interval '1440 hours'
    WHEN 'production' THEN interval '336 hours' + luck * interval '17000 hours'
    WHEN 'cancelled' THEN luck * interval '1440 hours'
    ELSE luck * interval '336 hours' END END AS began_at
) AS trial
ORDER BY id;

INSERT INTO organization (
  id, kind, distributor_id, parent_id, name, name_key, search, pending, notification_email, source, tid, tid_released_at,
  default_domain, country, created_at)
SELECT id, kind, %(distributor)s, parent_id, name, name_key,
       tsvector_to_array(array_to_tsvector( -- sorted, each once
         a.elements || b.elements || c.elements || shared.elements || array(
           SELECT key || left(host, letters) FROM generate_series(length(first) + 1, %(longest)s) AS letters
         ) || (key || host)
       )), step < 4,
       'it@' || host || '.example', CASE kind WHEN 'partner' THEN '' ELSE 'msp' END, CASE WHEN step > 1 THEN tid END,
       CASE story WHEN 'cancelled' THEN %(now)s END, CASE WHEN step > 1 THEN host || '.onmicrosoft.com' ELSE '' END, 'DE',
       created_at
FROM draft
CROSS JOIN LATERAL (
  SELECT %(distributor)s || left(kind, 1) || CASE WHEN step < 4 THEN '-' ELSE '' END AS key,
         'it example' || CASE WHEN step > 1 THEN ' onmicrosoft com' ELSE '' END AS others
) AS own
JOIN found AS a USING (key) JOIN found AS b USING (key) JOIN found AS c USING (key) JOIN found AS shared USING (key)
WHERE a.words = first AND b.words = second AND c.words = lower(suffix) AND shared.words = others;

INSERT INTO subscription (
  organization_id, distributor_id, partner_id, kind, seats, seats_on, imported_at, started_at, ends_at, extended_at,
  blocked_at, blocked_reason, cancelled_at, cancelled_reason, converted_at, upgrade_at, held_at, hold_reason, expired_at,
  expires_on, suspended_at, suspended_reason, withdrawn_at, wake_at, sort_at)
SELECT id, %(distributor)s, CASE kind WHEN 'partner' THEN id ELSE parent_id END, kind,
       CASE WHEN step = 4 THEN 5 + mod(id, 900) END, began_at::date, began_at, began_at, ends_at,
       CASE story WHEN 'extended' THEN began_at + interval '264 hours' END,
       CASE WHEN story IN ('blocked', 'expired') THEN began_at END, '',
       CASE story WHEN 'cancelled' THEN began_at + least(%(now)s - began_at, interval '336 hours') / 2 END, '',
       CASE story WHEN 'production' THEN ends_at END, upgrade_at,
       CASE story WHEN 'held' THEN ends_at END, CASE story WHEN 'held' THEN 'refused' ELSE '' END,
       CASE story WHEN 'expired' THEN ends_at END, expires_on, suspended_at, '',
       CASE story WHEN 'withdrawn' THEN %(now)s END,
       coalesce(expiry - interval '720 hours', deadline - CASE WHEN deadline - %(now)s > interval '72 hours' THEN interval '168 hours'
         WHEN deadline - %(now)s > interval '24 hours' THEN interval '72 hours' ELSE interval '24 hours' END),
       coalesce(expiry, deadline, '9999-12-31')
FROM draft
CROSS JOIN LATERAL (
  SELECT began_at + CASE story WHEN 'extended' THEN interval '504 hours' ELSE interval '336 hours' END AS ends_at
) AS trial
CROSS JOIN LATERAL (
  SELECT CASE story WHEN 'held' THEN ends_at + interval '25 hours' ELSE ends_at END AS upgrade_at
) AS upgrade
CROSS JOIN LATERAL (
  SELECT CASE WHEN story IN ('trial', 'extended', 'blocked', 'held') THEN upgrade_at END AS deadline
) AS waited_for
-- Of the customers in production every tenth has an expiration date, and of a hundred one had one that has passed.
CROSS JOIN LATERAL (
  SELECT CASE WHEN story = 'production' AND kind = 'customer' THEN CASE
    WHEN mod(id, 10) = 0 THEN %(now)s + interval '768 hours' + luck * interval '7200 hours'
    WHEN mod(id, 100) = 25 AND luck > 0.02 THEN %(now)s - luck * interval '2400 hours' END END::date AS expires_on
) AS dated
CROSS JOIN LATERAL (
  SELECT CASE WHEN expires_on > %(now)s THEN expires_on + 1 END::timestamptz AS expiry,
         CASE WHEN expires_on < %(now)s THEN expires_on + 1 END::timestamptz AS suspended_at
) AS account;

INSERT INTO period (organization_id, starts_at, ends_at, cause)
SELECT organization_id, converted_at, suspended_at, 'converted' FROM subscription WHERE converted_at IS NOT NULL;

INSERT INTO subscription_product (subscription_id, product_id, from_at)
SELECT id, code, created_at
FROM draft
JOIN (SELECT code, row_number() OVER (ORDER BY kind DESC, code) AS n FROM product) AS product
  ON draft.kind = 'partner' OR n = 1 + mod(id, 2) OR n = 3 + mod(id, 6);

INSERT INTO onboarding (
  organization_id, link_version, link_expires_at, tid, started_at, started_oid, consenter_oid, consenter_name,
  consenter_email, consented_at, configured_at, error_code, error_detail, error_at, attempts, waiting_since)
SELECT id, 1, created_at + interval '720 hours', CASE WHEN step > 0 THEN tid END, CASE WHEN step > 0 THEN since END,
       CASE WHEN step > 0 THEN tid END, CASE WHEN step > 1 THEN tid END, '', '', CASE WHEN step > 1 THEN since END,
       CASE WHEN step > 2 THEN since END, CASE story WHEN 'failed' THEN 'missing_permission' ELSE '' END,
       CASE story WHEN 'failed' THEN 'User.Read.All' ELSE '' END, CASE story WHEN 'failed' THEN since END, 0, since
FROM draft
CROSS JOIN LATERAL (SELECT coalesce(began_at, created_at) AS since) AS moved;

INSERT INTO import_run (
  organization_id, tid, step, next_link, done, total, seats, licences, refresh, ready_at, started_at)
SELECT id, tid, 'users', '', 1200, 5000, 0, '{}', false, created_at, created_at FROM draft WHERE story = 'importing';

INSERT INTO event (organization_id, distributor_id, partner_id, at, actor, actor_kind, kind, before, after, reason)
SELECT id, %(distributor)s, CASE draft.kind WHEN 'partner' THEN id ELSE parent_id END, created_at, 'Alice Adler',
       'operator', happened.kind, '{}', '{}', ''
FROM draft
JOIN (VALUES ('added', 0, NULL), ('onboarding_started', 1, NULL), ('consent_granted', 2, NULL),
             ('pre_import_error', 2, 'failed'), ('converted', 4, 'production')) AS happened (kind, step, story)
  ON draft.step >= happened.step AND draft.story = coalesce(happened.story, draft.story)
WHERE draft.kind = 'partner' OR happened.kind = 'converted'
ORDER BY id, happened.step;
SELECT setval(pg_get_serial_sequence('organization', 'id'), max(id)) FROM organization;
