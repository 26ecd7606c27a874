//! What to do about weights and data that cannot be found or read, or do not fit: the options that help, if
//! they were not given already. The crates say what is wrong and know no options.

use anyhow::anyhow;
use resnet::models::checkpoint::{Error, Unknown};
use resnet_data::names::printable;
use resnet_data::{Error as DataError, NotLeftOut};

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
                let usage = format!(
                    "--model {error}; give them with --checkpoint FILE, or name a model of the hub, such as --model \
                     timm/resnet50.a1_in1k"
                );
                return Ended::Usage(usage).into();
            }
            resnet::Error::RunHasNoCheckpoint { run, .. } => {
                Some(format!("continue it with: cargo xtask train --resume {}", run.display()))
            }
            resnet::Error::Checkpoint(Error::Config { .. }) => Some(self.without_config()),
            resnet::Error::Hub(resnet::hub::Error::Unavailable { .. }) => {
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
                    return match (self.trains, self.is_hubs) {
                        (true, _) => Some(format!("train that one with --set model.name={name}")),
                        (false, true) => None,
                        (false, false) => Some(format!("name it with --model {name}")),
                    };
                }
                if self.trains {
                    return self.prefixes();
                }
                let allow =
                    |given: bool, there: bool, option: &'static str| (there && !given).then_some(option);
                let options: Vec<&str> = [
                    allow(missing, !report.missing.is_empty(), "--allow-missing"),
                    allow(unexpected, !report.unexpected.is_empty(), "--allow-unexpected"),
                    allow(reshaped, !report.reshaped.is_empty(), "--allow-reshaped"),
                ]
                .into_iter()
                .flatten()
                .collect();
                Some(format!("to load it anyway, use {}", options.join(" ")))
            }
            _ => None,
        }
    }

    /// What helps to recognise the network.
    fn recognise(self, what: Unknown) -> Option<String> {
        match what {
            Unknown::Names => self.prefixes().or_else(|| self.dialects()),
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

    fn dialects(self) -> Option<String> {
        let option = self.dialect.filter(|_| !self.has_dialect)?;
        Some(format!("choose their naming scheme with {option}"))
    }
}

/// The sentence of an error of the data, and the same with the option that helps; `None` where none does.
pub(crate) fn of_data(error: &anyhow::Error) -> Option<(String, String)> {
    let error = error.chain().find_map(data_error)?;
    let told = error.to_string();
    let hinted = match error {
        DataError::Broken { place, cause, why } => {
            let allows = match *why {
                NotLeftOut::NoneMayBe => format!("{why}, or allow some with --skip-broken"),
                NotLeftOut::Costs { others, lost, limit } => {
                    let others =
                        if others > 0 { format!("with {others} other faults ") } else { String::new() };
                    format!("{others}it costs {lost} of the samples, and --skip-broken allows {limit}")
                }
                NotLeftOut::LimitReached { before } => {
                    format!("{before} broken samples before it are all that --skip-broken allows")
                }
                NotLeftOut::Last => return None,
            };
            format!("{} cannot be used: {cause}; {allows}", printable(place))
        }
        DataError::MissingFile { .. } => format!("{told} with --data"),
        DataError::NotDownloaded(_) => format!("{told}; a folder is given with --data DIR"),
        DataError::SeveralConfigs { .. } => format!("{told} with --config NAME"),
        _ => return None,
    };
    Some((told, hinted))
}

/// The error of the data that this is, or passes on.
fn data_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a DataError> {
    let of_training = |error: &'a resnet_train::Error| match error {
        resnet_train::Error::Data(error) => Some(error),
        _ => None,
    };
    if let Some(error) = cause.downcast_ref::<DataError>() {
        return Some(error);
    }
    match cause.downcast_ref::<resnet::Error>() {
        Some(resnet::Error::Data(error)) => Some(error),
        Some(resnet::Error::Train(error)) => of_training(error),
        Some(_) => None,
        None => cause.downcast_ref::<resnet_train::Error>().and_then(of_training),
    }
}
