;; Counts the events it is given, and emits an event for each hundredth.
(module
  (import "flowbench" "emit" (func $emit (param $address i32) (param $length i32)))

  ;; 0     the event that is emitted
  ;; 1024  the batch
  (memory (export "memory") 3)
  (data (i32.const 0) "{\"type\":\"com.example.hundredth\"}")

  (global $events (mut i32) (i32.const 0))

  (func (export "abi") (result i32) (i32.const 1))

  (func (export "alloc") (param $length i32) (result i32)
    (if (i32.gt_u (local.get $length) (i32.const 195584)) (then (unreachable)))
    (i32.const 1024))

  ;; Each event is a line, which ends in byte 10.
  (func (export "on_batch") (param $at i32) (param $length i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (loop $bytes
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 10)) (then (call $count)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $bytes))))
    (i32.const 0))

  (func $count
    (global.set $events (i32.add (global.get $events) (i32.const 1)))
    (if (i32.eqz (i32.rem_u (global.get $events) (i32.const 100)))
      (then (call $emit (i32.const 0) (i32.const 32))))))
