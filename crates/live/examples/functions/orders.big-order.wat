;; Emits an alert for each event of the queue `orders` with a value of 500.00 or more, with the event as its data:
;;
;;   {"type":"shop.big_order","data":{...}}
;;
;; It finds the first "value": of a line and reads what follows as an amount of money: digits, a point, more digits, with
;; or without quotes. Money is no floating-point number: it is counted in cents, and what is beyond cents is left off.
(module
  (import "flowbench" "emit" (func $emit (param $address i32) (param $length i32)))

  ;; 0      what is searched and written
  ;; 65504  what comes before an event, right before the batch
  ;; 65536  the batch
  (memory (export "memory") 2)
  (data (i32.const 0) "\"value\":")
  (data (i32.const 16) "{\"type\":\"shop.big_order\",\"data\":")

  (global $alert_from_cents i64 (i64.const 50000))

  (func (export "abi") (result i32) (i32.const 1))

  ;; The batch is written over the one before, in memory that grows to what is needed and 8 bytes more,
  ;; as text is compared 8 bytes at a time.
  (func (export "alloc") (param $length i32) (result i32)
    (local $missing i32)
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (local.get $length) (i32.const 131079)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (unreachable)))))
    (i32.const 65536))

  (func (export "on_batch") (param $line i32) (param $length i32) (result i32)
    (local $end i32) (local $line_end i32)
    (local.set $end (i32.add (local.get $line) (local.get $length)))
    (loop $lines
      (if (i32.lt_u (local.get $line) (local.get $end))
        (then
          (local.set $line_end (call $line_end (local.get $line)))
          (if (i64.ge_u (call $cents (local.get $line) (local.get $line_end)) (global.get $alert_from_cents))
            (then (call $alert (local.get $line) (local.get $line_end))))
          (local.set $line (i32.add (local.get $line_end) (i32.const 1)))
          (br $lines))))
    (i32.const 0))

  ;; The address of the line end, which each line has.
  (func $line_end (param $at i32) (result i32)
    (loop $next
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 10))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $at))

  ;; The value of an event in cents; 0 if it has none.
  (func $cents (param $at i32) (param $end i32) (result i64)
    (local $cents i64) (local $byte i32) (local $decimals i32)
    (loop $search
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i64.const 0))))
      (if (i64.ne (i64.load (local.get $at)) (i64.load (i32.const 0)))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $search))))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 34))   ;; "
      (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    ;; $decimals is 0 before the point, and one more than there are digits behind it.
    (block $done
      (loop $next
        (local.set $byte (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.and (i32.eq (local.get $byte) (i32.const 46)) (i32.eqz (local.get $decimals)))   ;; .
          (then
            (local.set $decimals (i32.const 1))
            (br $next)))
        (br_if $done (i32.gt_u (i32.sub (local.get $byte) (i32.const 48)) (i32.const 9)))
        (br_if $done (i32.eq (local.get $decimals) (i32.const 3)))
        (local.set $cents
          (i64.add
            (i64.mul (local.get $cents) (i64.const 10))
            (i64.extend_i32_u (i32.sub (local.get $byte) (i32.const 48)))))
        (if (local.get $decimals) (then (local.set $decimals (i32.add (local.get $decimals) (i32.const 1)))))
        (br $next)))
    (loop $missing
      (if (i32.lt_u (local.get $decimals) (i32.const 3))
        (then
          (local.set $cents (i64.mul (local.get $cents) (i64.const 10)))
          (local.set $decimals (i32.add (local.get $decimals) (select (i32.const 1) (i32.const 2) (local.get $decimals))))
          (br $missing))))
    (local.get $cents))

  ;; Writes the alert around the event where it lies: over the end of the line before, which has been read, and over its
  ;; own line end.
  (func $alert (param $line i32) (param $line_end i32)
    (local $start i32)
    (local.set $start (i32.sub (local.get $line) (i32.const 32)))
    (memory.copy (local.get $start) (i32.const 16) (i32.const 32))
    (i32.store8 (local.get $line_end) (i32.const 125))   ;; }
    (call $emit (local.get $start) (i32.sub (i32.add (local.get $line_end) (i32.const 1)) (local.get $start)))))
