//! Damaged modules: whatever a file holds, it is refused, or runs within its limits.

use proptest::prelude::*;

use super::super::instance::{BatchFailure, FunctionInstance};
use super::super::module::{FunctionModule, ModuleError, ModuleForm};

const REVENUE: &[u8] = include_bytes!("../../../examples/functions/orders.revenue.wasm");
const COUNT: &str = include_str!("../../../examples/functions/orders.count.wat");
const BATCH: &[u8] = b"{\"id\":\"1\",\"source\":\"/\",\"specversion\":\"1.0\",\"type\":\"t\",\"data\":{\"product\":\"p\",\"value\":9999}}\n";

/// Loads what may be a module and gives it batches. A failure of the interpreter itself would be one of ours to report.
fn attempt(bytes: &[u8], form: ModuleForm) -> bool {
    const FUEL: u64 = 1_000_000;
    let module = match FunctionModule::new(bytes, form) {
        Ok(module) => module,
        Err(ModuleError::Interpreter) => panic!("the interpreter failed to compile"),
        Err(_) => return false,
    };
    let mut instance = match FunctionInstance::new(&module, FUEL) {
        Ok(instance) => instance,
        Err(BatchFailure::Interpreter) => panic!("the interpreter failed to start"),
        Err(_) => return false,
    };
    for _ in 0..3 {
        let outcome = instance.on_batch(BATCH, FUEL);
        assert!(outcome.fuel <= FUEL);
        match outcome.emitted {
            Ok(emitted) => assert!(emitted.len() <= 1_000),
            Err(BatchFailure::Interpreter) => panic!("the interpreter failed to run"),
            Err(_) => return false,
        }
    }
    true
}

#[test]
fn what_is_not_damaged_runs() {
    assert!(attempt(REVENUE, ModuleForm::Binary));
    assert!(attempt(COUNT.as_bytes(), ModuleForm::Text));
}

#[test]
fn code_behind_the_end_of_a_function_is_refused() {
    let mut bytes = REVENUE[..10_240].to_vec();
    bytes[7_388] = 0x0b; // `end`
    assert!(!attempt(&bytes, ModuleForm::Binary));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_damaged_module_never_panics_or_hangs(
        changes in prop::collection::vec((8..REVENUE.len(), any::<u8>()), 1..4),
        end in prop_oneof![4 => Just(REVENUE.len()), 1 => 0..REVENUE.len()],
    ) {
        let mut bytes = REVENUE.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        attempt(&bytes[..end], ModuleForm::Binary);
    }

    #[test]
    fn a_damaged_text_never_panics_or_hangs(at in 0..COUNT.len(), length in 0_usize..20, text in "[()a-z0-9$. \"]{0,8}") {
        let mut bytes = COUNT.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, text.bytes());
        attempt(&bytes, ModuleForm::Text);
    }
}
