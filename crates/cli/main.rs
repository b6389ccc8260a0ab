//! The `flowbench` command.

fn main() {
    flowbench::main(&[]);
}
