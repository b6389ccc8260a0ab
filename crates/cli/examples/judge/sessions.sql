-- Answers the question of the pipeline `sessions` in DuckDB, from a log in CSV:
--
--     duckdb < sessions.sql
--     flowbench judge sessions.csv --trace log.csv --pipeline sessions
COPY (
  SELECT customer, min(event_time) AS start, max(event_time) AS "end", count(*) AS events, max(event_time) AS event_time
  FROM (
    SELECT customer, event_time, count(*) FILTER (begins) OVER so_far AS session
    FROM (
      SELECT customer, event_time, lag(event_time) OVER so_far + INTERVAL 30 MINUTE < event_time AS begins
      FROM read_csv('log.csv', types = {'event_id': 'VARCHAR', 'event_time': 'TIMESTAMPTZ', 'customer': 'VARCHAR'})
      WHERE kind = 'page_viewed' AND customer IS NOT NULL
      WINDOW so_far AS (PARTITION BY customer ORDER BY event_time)
    )
    WINDOW so_far AS (PARTITION BY customer ORDER BY event_time ROWS UNBOUNDED PRECEDING)
  )
  GROUP BY customer, session
) TO 'sessions.csv' (HEADER);
