//! Links the function at a fixed address: a cold start then has nothing to relocate, which is a tenth of
//! its processor time ("make bench"). What is lost is that the program's own address is random.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
