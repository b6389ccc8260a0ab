//! Modules: what is checked before a function runs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;
use wasmi::{CompilationMode, Config, EnforcedLimits, Engine, ExternType, FuncType, Module, ValType};

use super::limits;

/// The imports there are; each takes the address and the length of bytes in the function's memory.
pub(super) const IMPORTS_FROM: &str = "flowbench";
pub(super) const IMPORTS: [&str; 2] = ["emit", "log"];

/// The version of the interface, which a module's `abi` returns.
pub(super) const ABI: i32 = 1;

/// The first bytes of a module in binary form.
const MAGIC: &[u8] = b"\0asm";

/// A module that is valid and has the exports and imports of a function.
#[derive(Debug, Clone)]
pub(super) struct FunctionModule {
    pub(super) engine: Engine,
    pub(super) module: Module,
    pub(super) has_initialize: bool,
}

/// The form a module is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModuleForm {
    Binary,
    Text,
}

/// Why a module is no function.
#[derive(Debug, Error)]
pub(super) enum ModuleError {
    #[error(
        "it is not a WebAssembly module, which begins with the bytes 00 61 73 6D; a module in text form ends in .wat"
    )]
    NotBinary,
    #[error("not a valid module: {0}")]
    Invalid(String),
    #[error(
        "it imports {module}.{name}, which there is not; a function imports flowbench.emit and flowbench.log only{hint}"
    )]
    UnknownImport { module: String, name: String, hint: &'static str },
    #[error("its {what} {name} is {found}, expected {expected}")]
    WrongType { what: &'static str, name: String, found: String, expected: String },
    #[error("it does not export {name}, which is {expected}")]
    MissingExport { name: &'static str, expected: String },
    #[error("the interpreter failed to compile it; this is a bug, please report it with the file")]
    Interpreter,
}

impl FunctionModule {
    /// Compiles and checks a module. Runs nothing of it.
    ///
    /// # Errors
    ///
    /// Returns the first thing that makes it no function.
    pub(super) fn new(bytes: &[u8], form: ModuleForm) -> Result<FunctionModule, ModuleError> {
        if form == ModuleForm::Binary && !bytes.starts_with(MAGIC) {
            return Err(ModuleError::NotBinary);
        }
        let engine = Engine::new(&config());
        // A bug of the interpreter costs one function, not the service.
        let translate = || {
            // Translation goes on behind the end of a function where the validator would stop it only afterwards.
            if form == ModuleForm::Binary {
                Module::validate(&engine, bytes)?;
            }
            Module::new(&engine, bytes)
        };
        let module = catch_unwind(AssertUnwindSafe(translate))
            .map_err(|_| ModuleError::Interpreter)?
            .map_err(|error| ModuleError::Invalid(first_lines(&error.to_string())))?;
        check_imports(&module)?;
        check_exports(&module)?;
        let has_initialize = module.get_export("_initialize").is_some();
        Ok(FunctionModule { engine, module, has_initialize })
    }
}

/// Returns the settings of the interpreter. Modules are translated at once, so that what a batch costs in fuel does not
/// depend on the batches before it.
fn config() -> Config {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .allow_start_fn(false)
        .ignore_custom_sections(true)
        .compilation_mode(CompilationMode::Eager)
        .enforced_limits(EnforcedLimits::strict())
        .set_max_recursion_depth(limits::CALL_DEPTH_MAX)
        .set_max_cached_stacks(1);
    config.wasm_multi_memory(false).wasm_tail_call(false);
    config
}

fn check_imports(module: &Module) -> Result<(), ModuleError> {
    for import in module.imports() {
        if import.module() != IMPORTS_FROM || !IMPORTS.contains(&import.name()) {
            let (module, name) = (import.module().to_owned(), import.name().to_owned());
            let hint = hint(&module, &name);
            return Err(ModuleError::UnknownImport { module, name, hint });
        }
        check_type("import", import.name(), import.ty(), &function([ValType::I32; 2], []))?;
    }
    Ok(())
}

fn check_exports(module: &Module) -> Result<(), ModuleError> {
    let memory = module.get_export("memory");
    match memory {
        Some(ExternType::Memory(_)) => {}
        Some(other) => return Err(wrong_type("export", "memory", &other, "a memory".to_owned())),
        None => return Err(ModuleError::MissingExport { name: "memory", expected: "a memory".to_owned() }),
    }
    let required = [
        ("abi", function([], [ValType::I32])),
        ("alloc", function([ValType::I32], [ValType::I32])),
        ("on_batch", function([ValType::I32; 2], [ValType::I32])),
    ];
    for (name, expected) in required {
        let Some(export) = module.get_export(name) else {
            return Err(ModuleError::MissingExport { name, expected: signature(&expected) });
        };
        check_type("export", name, &export, &expected)?;
    }
    if let Some(export) = module.get_export("_initialize") {
        check_type("export", "_initialize", &export, &function([], []))?;
    }
    Ok(())
}

fn check_type(what: &'static str, name: &str, found: &ExternType, expected: &FuncType) -> Result<(), ModuleError> {
    match found {
        ExternType::Func(found) if found == expected => Ok(()),
        other => Err(wrong_type(what, name, other, signature(expected))),
    }
}

fn wrong_type(what: &'static str, name: &str, found: &ExternType, expected: String) -> ModuleError {
    let found = match found {
        ExternType::Func(found) => signature(found),
        ExternType::Global(_) => "a global".to_owned(),
        ExternType::Table(_) => "a table".to_owned(),
        ExternType::Memory(_) => "a memory".to_owned(),
    };
    ModuleError::WrongType { what, name: name.to_owned(), found, expected }
}

fn function<const P: usize, const R: usize>(parameters: [ValType; P], results: [ValType; R]) -> FuncType {
    FuncType::new(parameters, results)
}

/// Returns a type as in `(i32, i32) -> i32`.
fn signature(function: &FuncType) -> String {
    let names =
        |types: &[ValType]| types.iter().map(|ty| format!("{ty:?}").to_lowercase()).collect::<Vec<_>>().join(", ");
    let results = match function.results() {
        [] => "()".to_owned(),
        results => names(results),
    };
    format!("({}) -> {results}", names(function.params()))
}

/// Returns what helps with imports that compilers add by themselves.
fn hint(module: &str, name: &str) -> &'static str {
    match (module, name) {
        ("env", "abort") => "; AssemblyScript leaves it out with --use abort=",
        ("env", "seed" | "trace") => {
            "; there is no random source and no console, so that the same events give the same answers"
        }
        _ if module.starts_with("wasi") => {
            "; compile without WASI: a function has no files, clock, network or environment"
        }
        _ => "",
    }
}

/// Returns a message without the drawing of the source that the reader of text adds.
fn first_lines(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).take(4).collect::<Vec<_>>().join(" ")
}
