//! What to do about weights that cannot be found or read, or do not fit: the options that help, if they were
//! not given already. The crates say what is wrong and know no options.

use anyhow::anyhow;
use resnet_models::checkpoint::{Error, Unknown};
use resnet_terminal::numbers;

use crate::args::{SourceArgs, TrainArgs};
use crate::failure::Ended;

/// What a command line says about a checkpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given<'a> {
    /// The option for the dialect that this command has.
    dialect: Option<&'a str>,
    has_dialect: bool,
    has_prefix: bool,
    has_model: bool,
    /// Whether the checkpoint is a model of the hub, whose network is known.
    is_hubs: bool,
    /// Whether the network comes from a recipe.
    trains: bool,
    allows: Allows,
}

/// Which differences between a checkpoint and a network it allows.
#[derive(Debug, Clone, Copy, Default)]
struct Allows {
    missing: bool,
    unexpected: bool,
    reshaped: bool,
}

impl<'a> Given<'a> {
    /// For a command that takes `option` as the dialect, and whether that is there.
    pub(crate) fn source(args: &SourceArgs, (option, is_there): (&'a str, bool)) -> Self {
        Given {
            dialect: Some(option),
            has_dialect: is_there,
            has_prefix: args.prefix.is_some(),
            has_model: args.model.is_some(),
            is_hubs: args.checkpoint.is_none(),
            trains: false,
            allows: Allows {
                missing: args.allow_missing,
                unexpected: args.allow_unexpected,
                reshaped: args.allow_reshaped,
            },
        }
    }

    pub(crate) fn train(args: &TrainArgs) -> Self {
        Given { has_prefix: args.prefix.is_some(), trains: true, ..Given::default() }
    }

    /// The error, and what helps.
    pub(crate) fn explain(self, error: resnet::Error) -> anyhow::Error {
        let hint = match &error {
            resnet::Error::NoWeights(_) => {
                let [option, file] = if self.trains { ["--from"; 2] } else { ["--model", "--checkpoint"] };
                let usage = format!(
                    "{option} {error}; give them with {file} FILE, or name a model of the hub, such as {option} \
                     timm/resnet50.a1_in1k"
                );
                return Ended::Usage(usage).into();
            }
            resnet::Error::RunHasNoCheckpoint { run, .. } => {
                Some(format!("continue it with: cargo xtask train --resume {}", numbers::quoted(run)))
            }
            resnet::Error::OtherNetwork { told, .. } => Some(trained(told)),
            resnet::Error::Checkpoint(Error::Config { .. }) => Some(self.without_config()),
            resnet::Error::Hub(resnet_hub::Error::Unavailable { .. }) => {
                let option = if self.trains { "--from" } else { "--checkpoint" };
                Some(format!("if you have the file of its weights, give it with {option} FILE"))
            }
            resnet::Error::Checkpoint(error) => self.hint(error),
            _ => None,
        };
        match hint {
            Some(hint) => anyhow!("{error}; {hint}"),
            None => error.into(),
        }
    }

    /// What helps where a config is not understood.
    fn without_config(self) -> String {
        if self.trains {
            return "name the weights' file itself with --from".to_owned();
        }
        let model =
            if self.has_model && !self.is_hubs { "" } else { ", and the network's name with --model" };
        format!("give the weights' file itself with --checkpoint{model}")
    }

    fn hint(self, error: &Error) -> Option<String> {
        match error {
            Error::File(resnet::checkpoint::Error::SeveralWeights { .. }) => {
                Some("use --weights KEY".to_owned())
            }
            Error::SeveralPrefixes { .. } => {
                let others = if self.trains { "" } else { ", with --allow-unexpected for the others" };
                Some(format!("use --prefix PREFIX{others}"))
            }
            Error::Unrecognised { what, .. } => self.recognise(*what),
            Error::Clash { .. } => self.dialects(),
            Error::Mismatch { report, looks_like } => {
                let Allows { missing, unexpected, reshaped } = self.allows;
                let other = looks_like.as_deref().and_then(|other| other.split_whitespace().next());
                if let Some(name) = other.filter(|name| *name != report.model) {
                    let named = (!self.is_hubs).then(|| format!("name it with --model {name}"));
                    return if self.trains { Some(trained(name)) } else { named };
                }
                if report.matched == 0 && self.has_dialect {
                    return self.detection();
                }
                if self.trains && report.missing.is_empty() && report.reshaped.is_empty() {
                    // Training takes a file as a whole; export can leave a part of it out.
                    let (file, model) = (numbers::quoted(&report.path), &report.model);
                    let prefix = if self.has_prefix { " --prefix PREFIX" } else { "" };
                    return Some(format!(
                        "leave them out in a copy, and give that with --from: cargo xtask export --checkpoint {file} \
                         --model {model}{prefix} --allow-unexpected --allow-missing --out COPY"
                    ));
                }
                if self.trains {
                    return self.prefixes();
                }
                let options = [
                    (missing, report.missing.is_empty(), "--allow-missing"),
                    (unexpected, report.unexpected.is_empty(), "--allow-unexpected"),
                    (reshaped, report.reshaped.is_empty(), "--allow-reshaped"),
                ];
                let needed = options.into_iter().filter(|(given, unneeded, _)| !given && !unneeded);
                let options: Vec<&str> = needed.map(|(.., option)| option).collect();
                Some(format!("to load it anyway, use {}", options.join(" ")))
            }
            _ => None,
        }
    }

    /// What helps to recognise the network.
    fn recognise(self, what: Unknown) -> Option<String> {
        match what {
            Unknown::Names | Unknown::Head if self.has_dialect => self.detection(),
            Unknown::Names => self.prefixes().or_else(|| self.dialects()),
            Unknown::Head if self.has_model && !self.is_hubs => {
                Some("to load its other weights beside a fresh head, use --allow-missing".to_owned())
            }
            Unknown::Head => {
                Some("its other weights can be fine-tuned: cargo xtask train --from FILE".to_owned())
                    .filter(|_| !self.trains)
            }
            Unknown::Network => (!self.has_model && !self.trains).then(|| "name it with --model".to_owned()),
        }
    }

    fn prefixes(self) -> Option<String> {
        (!self.has_prefix).then(|| "if its tensor names have a prefix, give it with --prefix".to_owned())
    }

    /// What helps where a naming scheme that was given does not fit.
    fn detection(self) -> Option<String> {
        let option = self.dialect.filter(|_| self.has_dialect)?;
        Some(format!("leave out {option}, so that the naming scheme is detected"))
    }

    fn dialects(self) -> Option<String> {
        let option = self.dialect.filter(|_| !self.has_dialect)?;
        Some(format!("choose their naming scheme with {option}"))
    }
}

/// What helps where a figure of the paper is to be trained that is a drawing.
pub(crate) const DRAWN: &str = "figures 2, 4 and 5 are drawings, so nothing trains them; figures 1, 2, 4 and 5 as drawings: \
                                cargo xtask draw figure2";

/// Why `what` cannot be drawn, and what helps where it is a figure of curves.
pub(crate) fn undrawn(what: &str, error: resnet_draw::Error) -> anyhow::Error {
    match what {
        "figure3" | "figure6" => anyhow!("{error}; figures 3 and 6 are curves: cargo xtask reproduce {what}"),
        _ => error.into(),
    }
}

/// What helps where weights are of another network than the recipe's.
fn trained(name: &str) -> String {
    format!("train that one with --set model.name={name}")
}
