//! What wrappers put before the names of a network: `module.`, `net.`, `model.encoder_q.`.

use std::collections::BTreeSet;

/// How the names of a network's first unit begin, in any dialect. What stands before them is a prefix,
/// whatever it is.
static FIRST_UNITS: [&str; 4] = [
    "layer1.0.",
    "stages.0.blocks.0.",
    "resnet.encoder.stages.0.layers.0.",
    // The file of a backbone alone.
    "encoder.stages.0.layers.0.",
];

/// The usual wrappers: those of DataParallel, torch.compile, transformers around timm and Lightning, and what
/// people write. They are looked for in a file without a first unit, such as a head's.
static WRAPPERS: [&str; 8] =
    ["module.", "_orig_mod.", "timm_model.", "model.", "net.", "network.", "backbone.", "encoder."];

/// The prefix of the network's names; if several networks have prefixes, all of these as an error.
pub(super) fn find<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<String, Vec<String>> {
    let found: BTreeSet<&str> = names.clone().filter_map(before_first_unit).collect();
    // Names without a prefix are a network as it is, whatever lies beside it.
    if found.contains("") {
        return Ok(String::new());
    }
    match found.len() {
        0 => Ok(common_wrappers(names)),
        1 => Ok(found.into_iter().collect()),
        _ => Err(found.into_iter().map(str::to_owned).collect()),
    }
}

/// What stands before the part of a name that marks a first unit; `None` for all other names.
fn before_first_unit(name: &str) -> Option<&str> {
    let starts = std::iter::once(0).chain(name.match_indices('.').map(|(point, _)| point + 1));
    let mut starts = starts.filter(|start| FIRST_UNITS.iter().any(|unit| name[*start..].starts_with(unit)));
    starts.next().map(|start| &name[..start])
}

/// The wrappers that all names are in, the outermost first.
fn common_wrappers<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut prefix = String::new();
    // The shortest name bounds the prefix; without names there is none.
    let shortest = names.clone().map(str::len).min().unwrap_or(0);
    while prefix.len() < shortest {
        let within = |wrapper: &&str| names.clone().all(|name| name[prefix.len()..].starts_with(*wrapper));
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| within(wrapper)) else { break };
        prefix.push_str(wrapper);
    }
    prefix
}

/// The prefix that a caller means, with its dot; `None` if no name begins with it.
pub(super) fn given<'a>(prefix: &str, mut names: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    let with_dot = format!("{}.", prefix.trim_end_matches('.'));
    names.any(|name| name.starts_with(&with_dot)).then_some(with_dot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Result<String, String> {
        find(names.iter().copied()).map_err(|prefixes| prefixes.join(" and "))
    }

    #[test]
    fn any_prefix_is_found_even_beside_strays() {
        let rows: [(&[&str], &str); 12] = [
            (&["net.conv1.weight", "net.layer1.0.conv1.weight", "net.fc.bias"], "net."),
            (&["module.model.layer1.0.conv1.weight", "epoch_loss"], "module.model."),
            (&["_orig_mod.module.stages.0.blocks.0.norm1.weight"], "_orig_mod.module."),
            (&["my.own.name.layer1.0.conv1.weight", "criterion.weight", "fc.weight"], "my.own.name."),
            (&["1.layer1.0.conv1.weight", "0.mean", "0.std"], "1."),
            (&["student.resnet.encoder.stages.0.layers.0.layer.0.convolution.weight"], "student."),
            (&["resnet.encoder.stages.0.layers.0.layer.0.convolution.weight", "classifier.1.weight"], ""),
            (&["encoder.stages.0.layers.0.layer.0.convolution.weight"], ""),
            (&["layer1.0.conv1.weight", "ema.layer1.0.conv1.weight"], ""),
            // Without a first unit, only known wrappers count as a prefix.
            (&["module.net.fc.weight", "module.net.fc.bias"], "module.net."),
            (&["own.fc.weight", "own.fc.bias"], ""),
            (&["module.conv1.weight", "fc.bias"], ""),
        ];
        resnet_testing::table::run(&rows, |(names, expected)| match found(names) {
            Ok(prefix) if prefix == *expected => Ok(()),
            other => Err(format!("{other:?}")),
        });
        assert_eq!(found(&[]), Ok(String::new()));
        assert_eq!(found(&["module."]), Ok("module.".to_owned()));
    }

    #[test]
    fn two_networks_in_a_file_are_no_prefix() {
        let two = ["q.layer1.0.conv1.weight", "k.layer1.0.conv1.weight"];
        assert_eq!(found(&two), Err("k. and q.".to_owned()));
    }

    #[test]
    fn a_given_prefix_ends_at_a_point() {
        let names = ["net.fc.weight", "network.fc.weight"];
        let given = |prefix: &str| given(prefix, names.iter().copied());
        assert_eq!(given("net"), Some("net.".to_owned()));
        assert_eq!(given("network."), Some("network.".to_owned()));
        assert_eq!(given("ne"), None);
        assert_eq!(given(""), None);
    }
}
