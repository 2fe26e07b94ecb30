//! The page is built by `make`; without it there is an empty folder to embed, and the server says how to get the page.

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=ui/dist");
    std::fs::create_dir_all("ui/dist")
}
