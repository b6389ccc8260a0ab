;; Counts the events of the queue `orders` by type, and emits an event for each hundredth of a type:
;;
;;   {"type":"shop.counted","subject":"shop.order_placed","data":{"count":100}}
;;
;; A line of a batch is one event. Its attributes come first, in the order of their names, so that the first "type":" of a
;; line is that of the event, whatever its data holds. Up to 64 types are told apart; the others are not counted.
(module
  (import "flowbench" "emit" (func $emit (param $address i32) (param $length i32)))

  ;; 0      what is searched and written
  ;; 1024   types: 64 entries of 12 bytes: the address of the text, its length, and the count
  ;; 4096   texts of the types
  ;; 16384  the event that is emitted
  ;; 65536  the batch
  (memory (export "memory") 2)
  (data (i32.const 0) "\"type\":\"")
  (data (i32.const 16) "{\"type\":\"shop.counted\",\"subject\":\"")
  (data (i32.const 64) "\",\"data\":{\"count\":")

  (global $types (mut i32) (i32.const 0))
  (global $texts_end (mut i32) (i32.const 4096))

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

  (func (export "on_batch") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $start i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (loop $lines
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (local.set $at (call $behind_key (local.get $at) (local.get $end)))
          (local.set $start (local.get $at))
          (local.set $at (call $find (local.get $at) (local.get $end) (i32.const 34)))   ;; "
          (call $count (local.get $start) (i32.sub (local.get $at) (local.get $start)))
          (local.set $at (call $find (local.get $at) (local.get $end) (i32.const 10)))   ;; line end
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $lines))))
    (i32.const 0))

  ;; The address behind the next "type":"
  (func $behind_key (param $at i32) (param $end i32) (result i32)
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (if (i64.eq (i64.load (local.get $at)) (i64.load (i32.const 0)))
            (then (return (i32.add (local.get $at) (i32.const 8)))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $end))

  ;; The address of the next such byte, or the end.
  (func $find (param $at i32) (param $end i32) (param $byte i32) (result i32)
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (if (i32.ne (i32.load8_u (local.get $at)) (local.get $byte))
            (then
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br $next))))))
    (local.get $at))

  (func $count (param $text i32) (param $length i32)
    (local $entry i32) (local $count i32)
    (local.set $entry (call $entry (local.get $text) (local.get $length)))
    (if (i32.eqz (local.get $entry)) (then (return)))
    (local.set $count (i32.add (i32.load offset=8 (local.get $entry)) (i32.const 1)))
    (i32.store offset=8 (local.get $entry) (local.get $count))
    (if (i32.eqz (i32.rem_u (local.get $count) (i32.const 100)))
      (then (call $emit_count (local.get $text) (local.get $length) (local.get $count)))))

  ;; The entry of a type, a new one if need be; 0 if there is no room for it.
  (func $entry (param $text i32) (param $length i32) (result i32)
    (local $entry i32) (local $last i32)
    (local.set $entry (i32.const 1024))
    (local.set $last (i32.add (i32.const 1024) (i32.mul (global.get $types) (i32.const 12))))
    (loop $next
      (if (i32.lt_u (local.get $entry) (local.get $last))
        (then
          (if (i32.eq (i32.load offset=4 (local.get $entry)) (local.get $length))
            (then
              (if (call $is_same (i32.load (local.get $entry)) (local.get $text) (local.get $length))
                (then (return (local.get $entry))))))
          (local.set $entry (i32.add (local.get $entry) (i32.const 12)))
          (br $next))))
    (if (i32.or
          (i32.eq (global.get $types) (i32.const 64))
          (i32.gt_u (i32.add (global.get $texts_end) (local.get $length)) (i32.const 16384)))
      (then (return (i32.const 0))))
    (memory.copy (global.get $texts_end) (local.get $text) (local.get $length))
    (i32.store (local.get $entry) (global.get $texts_end))
    (i32.store offset=4 (local.get $entry) (local.get $length))
    (global.set $texts_end (i32.add (global.get $texts_end) (local.get $length)))
    (global.set $types (i32.add (global.get $types) (i32.const 1)))
    (local.get $entry))

  (func $is_same (param $a i32) (param $b i32) (param $length i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $length)) (then (return (i32.const 1))))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br_if $next
        (i32.eq
          (i32.load8_u (i32.add (local.get $a) (local.get $length)))
          (i32.load8_u (i32.add (local.get $b) (local.get $length))))))
    (i32.const 0))

  (func $emit_count (param $type i32) (param $length i32) (param $count i32)
    (local $end i32) (local $left i32)
    (local.set $end (call $append (i32.const 16384) (i32.const 16) (i32.const 34)))
    (local.set $end (call $append (local.get $end) (local.get $type) (local.get $length)))
    (local.set $end (call $append (local.get $end) (i32.const 64) (i32.const 18)))
    ;; The digits of the count, the last one first.
    (local.set $left (local.get $count))
    (loop $digits
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (local.set $left (i32.div_u (local.get $left) (i32.const 10)))
      (br_if $digits (local.get $left)))
    (local.set $left (i32.sub (local.get $end) (i32.const 1)))
    (loop $digits
      (i32.store8 (local.get $left) (i32.add (i32.const 48) (i32.rem_u (local.get $count) (i32.const 10))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (local.set $count (i32.div_u (local.get $count) (i32.const 10)))
      (br_if $digits (local.get $count)))
    (i32.store16 (local.get $end) (i32.const 0x7d7d))   ;; }}
    (call $emit (i32.const 16384) (i32.sub (i32.add (local.get $end) (i32.const 2)) (i32.const 16384))))

  (func $append (param $end i32) (param $from i32) (param $length i32) (result i32)
    (memory.copy (local.get $end) (local.get $from) (local.get $length))
    (i32.add (local.get $end) (local.get $length))))
