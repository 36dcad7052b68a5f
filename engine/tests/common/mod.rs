//! The paths of this machine.

use std::num::NonZeroUsize;

use engine::{Kernel, Path};

/// Every path of this machine on this many threads; the others are named.
pub fn kernels(threads: usize) -> Vec<Kernel> {
    let threads = NonZeroUsize::new(threads).expect("not zero");
    let found = Path::ALL.map(|path| {
        let kernel = Kernel::on(path, threads);
        if kernel.is_none() {
            println!("skipped: {path} (this machine does not have it)");
        }
        kernel
    });
    found.into_iter().flatten().collect()
}
