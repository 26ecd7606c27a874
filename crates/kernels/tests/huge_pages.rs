//! Large buffers lie on huge pages where Linux gives any: it does so at the first touch or not at all.
#![cfg(all(target_os = "linux", not(miri)))]

use resnet_kernels::Buffer;
use resnet_testing::{Need, skip};

/// 64 MB.
const FLOATS: usize = 16 << 20;

/// kB of `range` and its mappings that lie on huge pages, by /proc/self/smaps.
fn huge_kb(range: std::ops::Range<usize>) -> usize {
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("Linux tells a process its mappings");
    let (mut inside, mut sum) = (false, 0);
    for line in smaps.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if let Some((start, end)) = first.split_once('-') {
            let address = |text| usize::from_str_radix(text, 16).expect("an address");
            inside = address(start) < range.end && range.start < address(end);
        } else if inside && first == "AnonHugePages:" {
            let kb = line.split_whitespace().nth(1).expect("a number");
            sum += kb.parse::<usize>().expect("a number");
        }
    }
    sum
}

#[test]
fn a_large_buffer_lies_on_huge_pages() {
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if setting.is_empty() || setting.contains("[never]") {
        return skip(Need::HugePages, format_args!("transparent huge pages are off: {setting:?}"));
    }
    let buffer = Buffer::unspecified(FLOATS);
    assert!(buffer.iter().all(|x| *x == 0.0), "a fresh buffer is zeros");
    let start = buffer.as_ptr() as usize;
    let kb = huge_kb(start..start + 4 * FLOATS);
    assert!(kb > 0, "none of 64 MB lie on huge pages, which the system gives to {setting:?}");
}
