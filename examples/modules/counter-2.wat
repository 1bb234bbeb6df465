;; Version 2 of the module `counter`: its state of schema 2 is the count and the id of the last message that it counted. It
;; takes over a state of schema 1.
;;
;; Operations: `add` counts one more and gives the count, `get` gives the count, `last` the id; all in decimal digits, which are
;; JSON.
;;
;; Imports and exports have the names of the world `midflight:module/hosted@1.0.0`, as the canonical ABI of the component model
;; spells them: a record becomes its members, a text becomes its address and its length in bytes, and a result that does not
;; fit into one number is written to memory, whose address is returned.
(module
  (memory (export "memory") 1)

  ;; Where results are written: one call is made at a time, so each may use the same place.
  (global $result i32 (i32.const 0))
  ;; The state as it is saved.
  (global $saved i32 (i32.const 512))
  ;; The decimal digits of a number end before this address. The longest number has 20.
  (global $digits_end i32 (i32.const 64))
  ;; From here on there is memory for what the host passes.
  (global $arguments i32 (i32.const 1024))
  (global $free (mut i32) (i32.const 1024))

  (data (i32.const 64) "counter")
  (data (i32.const 72) "2.0.0")
  (data (i32.const 80) "add")
  (data (i32.const 88) "get")
  (data (i32.const 92) "last")
  (data (i32.const 96) "unknown_operation")
  (data (i32.const 120) "the operations are add, get and last")
  (data (i32.const 160) "corrupt_state")
  (data (i32.const 176) "a state of schema 1 has 8 bytes, and one of schema 2 has 16")
  ;; The schemas that `load` accepts beside its own: 1.
  (data (i32.const 240) "\01\00\00\00")

  (global $count (mut i64) (i64.const 0))
  (global $last (mut i64) (i64.const 0))

  ;; The host asks for memory for the texts and bytes that it passes. All of it is free again when a call has ended.
  (func (export "cabi_realloc") (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $bytes)))
    (block $enough
      (loop $more
        (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (br $more)))
    (local.get $at))

  ;; describe() -> info { name, version, schema, accepts }
  (func (export "midflight:module/guest@1.0.0#describe") (result i32)
    (i32.store offset=0 (global.get $result) (i32.const 64))
    (i32.store offset=4 (global.get $result) (i32.const 7))
    (i32.store offset=8 (global.get $result) (i32.const 72))
    (i32.store offset=12 (global.get $result) (i32.const 5))
    (i32.store offset=16 (global.get $result) (i32.const 2))
    (i32.store offset=20 (global.get $result) (i32.const 240))
    (i32.store offset=24 (global.get $result) (i32.const 1))
    (global.get $result))

  ;; init(config) -> result<_, failure>
  (func (export "midflight:module/guest@1.0.0#init") (param $config i32) (param $config_bytes i32) (result i32)
    (call $done))

  ;; handle(message { id, operation, payload, attempt }) -> result<list<u8>, failure>
  (func (export "midflight:module/guest@1.0.0#handle")
    (param $id i64) (param $operation i32) (param $operation_bytes i32) (param $payload i32) (param $payload_bytes i32)
    (param $attempt i32) (result i32)
    (global.set $free (global.get $arguments))
    (if (call $is (local.get $operation) (local.get $operation_bytes) (i32.const 80) (i32.const 3))
      (then
        (global.set $count (i64.add (global.get $count) (i64.const 1)))
        (global.set $last (local.get $id))
        (return (call $number (global.get $count)))))
    (if (call $is (local.get $operation) (local.get $operation_bytes) (i32.const 88) (i32.const 3))
      (then (return (call $number (global.get $count)))))
    (if (call $is (local.get $operation) (local.get $operation_bytes) (i32.const 92) (i32.const 4))
      (then (return (call $number (global.get $last)))))
    (call $failure (i32.const 96) (i32.const 17) (i32.const 120) (i32.const 36)))

  ;; save() -> snapshot { schema, bytes }
  (func (export "midflight:module/guest@1.0.0#save") (result i32)
    (i64.store offset=0 (global.get $saved) (global.get $count))
    (i64.store offset=8 (global.get $saved) (global.get $last))
    (i32.store offset=0 (global.get $result) (i32.const 2))
    (i32.store offset=4 (global.get $result) (global.get $saved))
    (i32.store offset=8 (global.get $result) (i32.const 16))
    (global.get $result))

  ;; load(snapshot { schema, bytes }) -> result<u32, failure>: how many migration steps it applied.
  (func (export "midflight:module/guest@1.0.0#load") (param $schema i32) (param $at i32) (param $bytes i32) (result i32)
    (global.set $free (global.get $arguments))
    (if (i32.ne (local.get $bytes) (i32.mul (local.get $schema) (i32.const 8)))
      (then (return (call $failure (i32.const 160) (i32.const 13) (i32.const 176) (i32.const 59)))))
    (global.set $count (i64.load offset=0 (local.get $at)))
    (if (i32.eq (local.get $schema) (i32.const 1))
      ;; Of a counter of schema 1 it is not known which message was the last.
      (then (global.set $last (i64.const 0)))
      (else (global.set $last (i64.load offset=8 (local.get $at)))))
    (i32.store offset=4 (global.get $result) (i32.sub (i32.const 2) (local.get $schema)))
    (call $done))

  ;; check() -> result<_, failure>
  (func (export "midflight:module/guest@1.0.0#check") (result i32)
    (call $done))

  ;; Whether two texts are equal.
  (func $is (param $a i32) (param $a_bytes i32) (param $b i32) (param $b_bytes i32) (result i32)
    (local $i i32)
    (if (i32.ne (local.get $a_bytes) (local.get $b_bytes)) (then (return (i32.const 0))))
    (block $equal
      (loop $next
        (br_if $equal (i32.eq (local.get $i) (local.get $a_bytes)))
        (if (i32.ne
              (i32.load8_u (i32.add (local.get $a) (local.get $i)))
              (i32.load8_u (i32.add (local.get $b) (local.get $i))))
          (then (return (i32.const 0))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.const 1))

  ;; A success without a value, or with the one that is in its place already.
  (func $done (result i32)
    (i32.store offset=0 (global.get $result) (i32.const 0))
    (global.get $result))

  ;; A success with the decimal digits of a number.
  (func $number (param $number i64) (result i32)
    (local $at i32)
    (local.set $at (global.get $digits_end))
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $next (i64.ne (local.get $number) (i64.const 0))))
    (i32.store offset=4 (global.get $result) (local.get $at))
    (i32.store offset=8 (global.get $result) (i32.sub (global.get $digits_end) (local.get $at)))
    (call $done))

  ;; A failure with its code and its message.
  (func $failure (param $code i32) (param $code_bytes i32) (param $message i32) (param $message_bytes i32) (result i32)
    (i32.store offset=0 (global.get $result) (i32.const 1))
    (i32.store offset=4 (global.get $result) (local.get $code))
    (i32.store offset=8 (global.get $result) (local.get $code_bytes))
    (i32.store offset=12 (global.get $result) (local.get $message))
    (i32.store offset=16 (global.get $result) (local.get $message_bytes))
    (global.get $result)))
