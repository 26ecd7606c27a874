//! Every key of a recipe with its default, unit, meaning, source and the word for it in timm or torchvision:
//! a test writes docs/recipes.md from this table and checks the table against the schema.

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its dotted name, as `key=value` takes it.
    pub name: &'static str,
    /// What it is if it is left out, as TOML; `None` where it has to be given.
    pub default: Option<&'static str>,
    /// Its unit or the values it can have.
    pub unit: &'static str,
    /// What it decides.
    pub meaning: &'static str,
    /// The paper that it is from.
    pub source: &'static str,
    /// timm's, torchvision's or PyTorch's word for it.
    pub peer: &'static str,
}

const fn key(
    (name, default): (&'static str, Option<&'static str>),
    (unit, meaning): (&'static str, &'static str),
    (source, peer): (&'static str, &'static str),
) -> Key {
    Key { name, default, unit, meaning, source, peer }
}

/// The default of keys whose absence is a value of its own.
const ABSENT: Option<&str> = Some("");

/// Keys that change no step of a training: what it is called, what is told and kept of it, and how its steps
/// are computed where that gives the same bits. [`Recipe::is_without_effect`](crate::Recipe) knows one more.
pub(crate) const WITHOUT_EFFECT: [&str; 9] = [
    "name",
    "about",
    "paper",
    "expected_error",
    "train.evaluate_test",
    "train.keep_checkpoints",
    "train.recompute",
    "train.log_every_steps",
    "train.save_every_seconds",
];

/// The key that changes no step either, but with validation images decides which epochs can be the best.
pub(crate) const EVALUATE_EVERY: &str = "train.evaluate_every_epochs";

/// All keys, in the order in which a recipe is written.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key(("name", None), ("text", "the recipe's name: lower-case letters, digits and dashes"), ("", "")),
    key(("about", None), ("text", "one sentence for the list of recipes"), ("", "")),
    key(("paper", ABSENT), ("text", "the published table that the recipe reproduces"), ("", "")),
    key(("expected_error", ABSENT), ("percent", "the published test error of this very recipe"), ("", "")),
    key(("model.name", None), ("name", "the network, as `cargo xtask models` lists them"), ("", "timm `--model`")),
    key(("model.classes", ABSENT), ("count", "the number of classes; left out, that of the data set"), ("", "timm `--num-classes`")),
    key(("model.zero_init_residual", Some("false")), ("true, false", "whether each residual branch starts at zero: its last norm, or its last convolution where the branch ends in one (v2)"), ("1706.02677", "torchvision `zero_init_residual`, timm `zero_init_last`")),
    key(("model.stochastic_depth", Some("0.0")), ("probability", "how often a training image skips the last residual branch; earlier branches proportionally less"), ("1603.09382", "timm `--drop-path`")),
    key(("data.set", None), ("cifar10, cifar100, generated, images", "the data set"), ("", "timm `--dataset`")),
    key(("data.validation", Some("0")), ("images", "training images held out to choose the best epoch; with 0 the last epoch is reported"), ("", "")),
    key(("data.split_seed", Some("0")), ("number", "seed of that split"), ("", "")),
    key(("data.sampling", Some("\"each\"")), ("each, balanced, repeated", "how often an epoch shows each training image: once, as often as makes the classes equally frequent, or a third of the images three times each, the three showings in the same optimizer step; epochs have the same length"), ("1902.05509", "PyTorch `WeightedRandomSampler`, timm `--aug-repeats 3`")),
    key(("data.mean", None), ("red, green, blue in 0 to 1", "per-channel mean; it is subtracted"), ("", "timm `--mean`")),
    key(("data.std", None), ("red, green, blue in 0 to 1", "per-channel standard deviation; the difference is divided by it"), ("", "timm `--std`")),
    key(("data.generated.train", None), ("images", "training images to generate, with `set = \"generated\"` only"), ("", "")),
    key(("data.generated.test", None), ("images", "test images to generate"), ("", "")),
    key(("augmentation.pad_crop", Some("0")), ("pixels", "zero padding on each side before a random crop of the image's own size; 0 turns it off"), ("1512.03385", "torchvision `RandomCrop(padding)`")),
    key(("augmentation.flip", Some("\"none\"")), ("none, horizontal", "random mirroring with probability 1/2"), ("1512.03385", "torchvision `RandomHorizontalFlip`, timm `--hflip`")),
    key(("augmentation.mixup", Some("0.0")), ("alpha", "beta distribution of mixup's weight; 0 turns it off"), ("1710.09412", "timm `--mixup`")),
    key(("augmentation.cutmix", Some("0.0")), ("alpha", "beta distribution of CutMix's area; 0 turns it off"), ("1905.04899", "timm `--cutmix`")),
    key(("augmentation.label_smoothing", Some("0.0")), ("probability", "the share spread evenly over all classes"), ("1512.00567", "timm `--smoothing`, PyTorch `label_smoothing`")),
    key(("images.image_size", Some("224")), ("pixels", "height and width of a training image, with `set = \"images\"` only"), ("1512.03385", "timm `--img-size`, torchvision `--train-crop-size`")),
    key(("images.decode", Some("\"exact\"")), ("exact, scaled", "whether large JPEG files may be decoded at a reduced size for training"), ("", "Pillow `draft`")),
    key(("images.orientation", Some("\"apply\"")), ("apply, ignore", "whether EXIF orientation is applied"), ("", "Pillow `exif_transpose`")),
    key(("images.crop", None), ("scale-augmentation, random-resized-crop", "the random crop of training images"), ("1512.03385, 1409.4842", "torchvision `RandomResizedCrop`")),
    key(("images.interpolation", Some("\"bilinear\"")), ("bilinear, bicubic, random", "the filter that training images are resized with; random draws one of the two each time"), ("", "timm `--train-interpolation`, torchvision `--interpolation`")),
    key(("images.color_jitter", Some("0.0")), ("factor", "brightness, contrast and saturation change by up to this share"), ("", "timm `--color-jitter`, torchvision `ColorJitter`")),
    key(("images.lighting", Some("0.0")), ("standard deviation", "PCA colour noise; AlexNet's is 0.1"), ("Krizhevsky et al. 2012", "timm `Lighting`")),
    key(("images.auto_augment", Some("\"none\"")), ("none, randaugment, trivialaugment, rand-m9-mstd0.5-inc1 and the like", "random operations drawn from a list: torchvision's, or timm's RandAugment with the magnitude, its deviation, the number of operations (`n`) and their probability (`p`)"), ("1909.13719, 2103.10158", "timm `--aa`, torchvision `--auto-augment`")),
    key(("images.random_erasing", Some("0.0")), ("probability", "how often a random rectangle is erased"), ("1708.04896", "timm `--reprob`, torchvision `--random-erase`")),
    key(("images.evaluate.resize", None), ("pixels", "the shorter side after resizing, in evaluation"), ("1603.05027", "torchvision `--val-resize-size`")),
    key(("images.evaluate.crop", None), ("pixels", "the side of the centre crop, in evaluation"), ("1603.05027", "torchvision `--val-crop-size`")),
    key(("images.evaluate.interpolation", Some("\"bilinear\"")), ("bilinear, bicubic", "the filter to resize with, in evaluation"), ("", "timm `--interpolation`, torchvision `--interpolation`")),
    key(("train.duration", None), ("steps, epochs, images", "how long to train, such as `\"3 epochs\"` or `\"64k steps\"`"), ("1603.05027", "timm `--epochs`")),
    key(("train.batch_size", None), ("images", "images of a batch, which go through the network together"), ("1603.05027", "timm `--batch-size`")),
    key(("train.grad_accum_steps", Some("1")), ("batches", "batches of an optimizer step, averaged over all of their images; durations count optimizer steps"), ("", "timm `--grad-accum-steps`")),
    key(("train.seed", Some("0")), ("number", "seed of the initial weights, of the order of the images and of their augmentation"), ("", "timm `--seed`")),
    key(("train.last_batch", Some("\"keep\"")), ("keep, drop", "the last batch of an epoch, if the images do not fill it"), ("", "PyTorch `drop_last`")),
    key(("train.evaluate_every_epochs", Some("1")), ("epochs", "epochs between evaluations on the validation images"), ("", "timm `--val-interval`")),
    key(("train.best_by", Some("\"top1\"")), ("top1, loss", "which validation score makes an epoch the best"), ("", "timm `--eval-metric`, Lightning `monitor`")),
    key(("train.patience", Some("0")), ("epochs", "the training ends after this many epochs without a better one; 0 never ends it early"), ("", "Keras and Lightning `EarlyStopping(patience)`")),
    key(("train.evaluate_test", Some("\"at-end\"")), ("at-end, each-epoch, never", "when the test images are evaluated; no weights are selected by them"), ("", "")),
    key(("train.log_every_steps", Some("50")), ("steps", "steps between two lines of metrics"), ("", "timm `--log-interval`")),
    key(("train.save_every_seconds", Some("60")), ("seconds", "time between checkpoints within an epoch; 0 saves only after each epoch"), ("", "timm `--recovery-interval`")),
    key(("train.keep_checkpoints", Some("0")), ("epochs", "how many of the latest epochs keep a checkpoint of their own, besides last and best"), ("", "timm `--checkpoint-hist`")),
    key(("train.sync_bn", Some("false")), ("true, false", "with several processes: whether batch norm uses the statistics of the whole batch instead of those of each process's part"), ("", "PyTorch `SyncBatchNorm`, timm `--sync-bn`")),
    key(("train.recompute", Some("\"auto\"")), ("auto, never, sums, units", "what a step recomputes instead of keeping it in memory; the bits are the same. auto: as much as is needed to keep a step within 4 GiB; never: nothing; sums: every other sum of bottleneck units; units: everything inside units"), ("1604.06174", "PyTorch `checkpoint`, timm `--grad-checkpointing`")),
    key(("train.update_bn_images", Some("0")), ("images", "number of training images from which batch norm's running statistics are re-estimated before each evaluation; 0 uses those from training"), ("1803.05407", "PyTorch `swa_utils.update_bn`")),
    key(("stages.freeze_until", ABSENT), ("stem, stage1, ..., the last stage", "the last part, counted from the stem, whose parameters stay as they are"), ("", "timm `freeze`, Keras `trainable`")),
    key(("stages.frozen_norms", Some("\"stay\"")), ("stay, move", "stay: frozen batch norms normalise by their running statistics, which do not change; move: they normalise by each batch's statistics and update the running ones"), ("", "timm `freeze(include_bn_running_stats)`")),
    key(("stages.lr_decay", Some("1.0")), ("factor", "the factor between a part's learning rate and that of the next part towards the head; the head has the schedule's rate"), ("1801.06146", "timm `--layer-decay`, by stage")),
    key(("stages.lr_factors", ABSENT), ("factor by part", "the share of the schedule's rate by part, such as `{ stem = 0.1, stage1 = 0.3 }`; the others have all of it"), ("1801.06146", "PyTorch's parameter groups")),
    key(("optimizer.kind", Some("\"sgd\"")), ("sgd, adamw, lamb", "the optimizer"), ("1711.05101, 1904.00962", "timm `--opt`")),
    key(("optimizer.momentum", Some("0.9")), ("0 to below 1", "sgd: mu in v = mu v + g"), ("1603.05027", "PyTorch `SGD(momentum)`")),
    key(("optimizer.nesterov", Some("false")), ("true, false", "sgd: Nesterov's momentum"), ("", "PyTorch `SGD(nesterov)`")),
    key(("optimizer.betas", Some("[0.9, 0.999]")), ("two, 0 to below 1", "adamw, lamb: decay rates of the running averages of the gradient and of its square"), ("1412.6980", "timm `--opt-betas`")),
    key(("optimizer.eps", ABSENT), ("above 0", "adamw, lamb: added to the denominator to keep it from 0; if left out, 1e-8 for adamw and 1e-6 for lamb"), ("1412.6980", "timm `--opt-eps`")),
    key(("optimizer.max_grad_norm", Some("1.0")), ("norm", "lamb: its own bound on the norm of all gradients; 0 is none"), ("1904.00962", "timm `Lamb(max_grad_norm)`")),
    key(("optimizer.weight_decay", None), ("per step", "sgd: L2 penalty; adamw: decoupled from the gradient, multiplied by the learning rate; lamb: added before the trust ratio"), ("1603.05027", "PyTorch `SGD(weight_decay)`")),
    key(("optimizer.weight_decay_on", Some("\"all\"")), ("all, weights", "what decays: all parameters, or neither norms nor biases (those of one dimension)"), ("1603.05027, 1706.02677", "timm `param_groups_weight_decay`")),
    key(("optimizer.clip_grad_norm", Some("0.0")), ("norm", "the largest norm of all gradients as one vector; 0 is none"), ("1211.5063", "PyTorch `clip_grad_norm_`, timm `--clip-grad`")),
    key(("optimizer.clip_grad_value", Some("0.0")), ("absolute value", "the largest number in a gradient; 0 is none"), ("", "PyTorch `clip_grad_value_`, timm `--clip-mode value`")),
    key(("loss.kind", Some("\"cross-entropy\"")), ("cross-entropy, binary-cross-entropy", "the loss function"), ("2110.00476", "timm `--bce-loss`")),
    key(("loss.sum_classes", Some("false")), ("true, false", "binary: whether an image's loss is the sum over its classes, and not their mean"), ("", "timm `--bce-sum`")),
    key(("loss.target_threshold", ABSENT), ("probability", "binary: targets above it, smoothed and mixed, become 1 and the others 0"), ("2110.00476", "timm `--bce-target-thresh`")),
    key(("loss.class_weights", Some("\"equal\"")), ("equal, balanced, list", "how much each class counts; balanced is inverse to its number of training images"), ("", "PyTorch `CrossEntropyLoss(weight)`")),
    key(("ema.decay", Some("0.0")), ("0 to below 1", "the share that a moving average of the weights keeps at each step; it is evaluated beside them and reported; 0 is none"), ("1412.6980", "timm `--model-ema-decay`")),
    key(("ema.warmup", Some("false")), ("true, false", "whether that share rises from 0: 1 - (1 + t / gamma)^-power"), ("", "timm `--model-ema-warmup`")),
    key(("ema.warmup_gamma", Some("1.0")), ("steps", "gamma"), ("", "timm `ModelEmaV3(warmup_gamma)`")),
    key(("ema.warmup_power", Some("0.6666666666666666")), ("exponent", "power"), ("", "timm `ModelEmaV3(warmup_power)`")),
    key(("schedule.kind", None), ("constant, multistep, cosine, onecycle, polynomial, exponential", "the learning rate over the training, by optimizer steps"), ("1603.05027, 1608.03983, 1708.07120", "timm `--sched`")),
    key(("schedule.lr", None), ("per step", "the highest learning rate"), ("1603.05027", "timm `--lr`, PyTorch `lr`, `max_lr`")),
    key(("schedule.divide_by", None), ("factor", "multistep: the divisor at each milestone"), ("1603.05027", "PyTorch `MultiStepLR(1 / gamma)`")),
    key(("schedule.milestones", None), ("list of durations", "multistep: when the rate is divided, counted from the start of the training"), ("1603.05027", "PyTorch `MultiStepLR(milestones)`")),
    key(("schedule.min_lr", Some("0.0")), ("per step", "cosine, polynomial: the rate at the end, or at the end of each cycle"), ("1608.03983", "timm `--min-lr`, PyTorch `eta_min`")),
    key(("schedule.cycle", ABSENT), ("duration", "cosine: the length of the first cycle; left out, one cycle ends with the training"), ("1608.03983", "timm `t_initial`, PyTorch `CosineAnnealingWarmRestarts(T_0)`")),
    key(("schedule.cycle_mul", Some("1.0")), ("factor", "cosine: how many times longer each cycle is than the one before"), ("1608.03983", "timm `--lr-cycle-mul`, PyTorch `T_mult`")),
    key(("schedule.cycle_decay", Some("1.0")), ("factor", "cosine: what `lr` is multiplied by from cycle to cycle"), ("", "timm `--lr-cycle-decay`")),
    key(("schedule.anneal", Some("\"cosine\"")), ("cosine, linear", "onecycle: the form of rise and fall"), ("1708.07120", "PyTorch `OneCycleLR(anneal_strategy)`")),
    key(("schedule.div_factor", Some("25.0")), ("factor", "onecycle: the first rate is `lr` divided by this"), ("1708.07120", "PyTorch `OneCycleLR(div_factor)`")),
    key(("schedule.final_div_factor", Some("10000.0")), ("factor", "onecycle: the last rate is the first divided by this"), ("1708.07120", "PyTorch `OneCycleLR(final_div_factor)`")),
    key(("schedule.power", Some("1.0")), ("exponent", "polynomial: the exponent of the share of the training that is left; 1 gives a straight line"), ("1506.04579", "timm `--decay-rate` of poly, PyTorch `PolynomialLR(power)`")),
    key(("schedule.decay_rate", None), ("factor", "exponential: what the rate is multiplied by over `decay_every`"), ("", "timm `--decay-rate`, PyTorch `ExponentialLR(gamma)`")),
    key(("schedule.decay_every", None), ("duration", "exponential: the time in which the rate is multiplied by `decay_rate` once"), ("", "timm `--decay-epochs`, PyTorch `StepLR(step_size)`")),
    key(("schedule.decay", Some("\"smooth\"")), ("smooth, staircase", "exponential: a little in every step, or at once after each `decay_every`"), ("", "timm `step`, PyTorch `StepLR`")),
    key(("schedule.warmup", ABSENT), ("steps, epochs, images, %", "the length of a linear rise from `lr / W` at the first of W steps; or a table, as below. onecycle: the length of its rise, 30 % if left out"), ("1706.02677", "timm `--warmup-epochs`, PyTorch `LinearLR`, `OneCycleLR(pct_start)`")),
    key(("schedule.warmup.lr", None), ("per step", "the rate that the warm-up begins with"), ("1603.05027", "timm `--warmup-lr`, torchvision `--lr-warmup-decay`")),
    key(("schedule.warmup.duration", None), ("steps, epochs, images, %", "how long the warm-up lasts"), ("1603.05027", "timm `--warmup-epochs`, torchvision `--lr-warmup-epochs`")),
    key(("schedule.warmup.kind", Some("\"flat\"")), ("flat, linear", "whether that rate stays, as in the paper, or rises to `lr`"), ("1603.05027, 1706.02677", "torchvision `--lr-warmup-method`, PyTorch `ConstantLR`, `LinearLR`")),
];
