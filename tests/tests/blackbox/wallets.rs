//! What an operator does with a wallet before the first run: register, stake, announce, check.

use anyhow::{Context as _, Result};
use incentive::units::Rao;
use neuron_common::keystore::{Keypair, Password, Scheme, WalletPath, write_coldkey, write_hotkey};
use neuron_common::tao::Tao;
use serde_json::Value;
use tests::net::TestNet;
use tests::process::{Ended, run};

/// A coldkey with money.
const RICH: &str = "//Alice";
const PASSWORD: &str = "a long password";

/// A subnet, a wallet of this hotkey and coldkey, and a file with the password of encrypted keys.
struct Operator {
    net: TestNet,
    config: String,
    password: String,
}

impl Operator {
    async fn new(coldkey: &str, hotkey: &Keypair) -> Result<Self> {
        let net = TestNet::start(super::policy()).await?;
        let wallet = WalletPath::new(&net.folder().join("wallets"), "test", "hot")?;
        // Encrypted only where a test is about that: to open it takes seconds.
        write_coldkey(&wallet, &Keypair::from_uri(coldkey)?, None)?;
        write_hotkey(&wallet, hotkey, None)?;
        let config = net.miner_config("hot", |text| text)?.display().to_string();
        let password = net.folder().join("password").display().to_string();
        std::fs::write(&password, format!("{PASSWORD}\n"))?;
        Ok(Self { net, config, password })
    }

    /// A program with this operator's configuration; `password` says whether the file with it is named.
    async fn run(&self, program: &str, command: &[&str], password: bool) -> Result<Ended> {
        let mut args = vec![command[0], "--config", &self.config];
        args.extend(&command[1..]);
        if password {
            args.extend(["--password-file", &self.password]);
        }
        let ended = run(program, args).await?;
        for secret in [PASSWORD, "0x33a6f3093f158a71"] {
            assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(secret), "{command:?} shows a secret");
        }
        Ok(ended)
    }

    /// What a program that succeeds prints as JSON.
    async fn json(&self, program: &str, command: &[&str], password: bool) -> Result<Value> {
        let ended = self.run(program, command, password).await?;
        anyhow::ensure!(ended.code == Some(0), "{command:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).with_context(|| ended.stdout)
    }

    /// Checks that a program ends with this status and names these things in its error.
    async fn refused(&self, program: &str, command: &[&str], password: bool, code: i32, names: &[&str]) -> Result<()> {
        let ended = self.run(program, command, password).await?;
        assert_eq!(ended.code, Some(code), "{command:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{command:?}");
        for name in names {
            assert!(ended.stderr.contains(name), "{command:?}: {name:?} is not in {:?}", ended.stderr);
        }
        Ok(())
    }

    /// The validator's configuration in place of the miner's.
    fn into_validator(mut self) -> Result<Self> {
        self.config = self.net.validator_config("hot", |text| text)?.display().to_string();
        Ok(self)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_bought_once_and_within_the_limit() -> Result<()> {
    let hotkey = Keypair::generate()?;
    let operator = Operator::new(RICH, &hotkey).await?;
    let net = &operator.net;
    let coldkey = WalletPath::new(&net.folder().join("wallets"), "test", "hot")?;
    std::fs::remove_file(coldkey.coldkey())?;
    write_coldkey(&coldkey, &Keypair::from_uri(RICH)?, Some(&Password::new(PASSWORD)))?;
    let register = |more: &[&'static str]| [&["register"], more].concat();

    // Nothing leaves before somebody agreed, to a price, with the right password.
    let price = Tao(net.chain().registration_price(net.netuid()).await?).to_string();
    operator.refused("miner", &register(&["--yes"]), true, 2, &["--max-price"]).await?;
    operator.refused("miner", &register(&["--yes", "--max-price", "0.5"]), true, 1, &[&price, "0.5 TAO"]).await?;
    operator.refused("miner", &register(&["--max-price", "a lot"]), true, 2, &["a lot", "0.25"]).await?;
    let agreed = register(&["--yes", "--max-price", "1.5", "--json"]);
    operator.refused("miner", &agreed, false, 64, &["BT_PW_", "--password-file"]).await?;
    std::fs::write(&operator.password, "another\n")?;
    operator.refused("miner", &agreed, true, 64, &["coldkey", "does not open"]).await?;
    assert!(net.snapshot().await?.neuron(&hotkey.hotkey()).is_none());
    std::fs::write(&operator.password, PASSWORD)?;

    let bought = operator.json("miner", &agreed, true).await?;
    let snapshot = net.snapshot().await?;
    let neuron = snapshot.neuron(&hotkey.hotkey()).context("it is registered")?;
    assert_eq!(bought["uid"], neuron.uid.get());
    assert_eq!(bought["block"], neuron.registered.get());
    assert_eq!((&bought["already"], &bought["limit_rao"]), (&false.into(), &1_500_000_000_u64.into()));
    assert_eq!(neuron.coldkey, Keypair::from_uri(RICH)?.hotkey());

    // Again, by either program: it costs nothing and asks for no password.
    let balance = net.chain().balance(&neuron.coldkey).await?;
    let again = operator.json("miner", &["register", "--json"], false).await?;
    assert_eq!((&again["already"], &again["uid"]), (&true.into(), &bought["uid"]));
    let coldkey = neuron.coldkey;
    let operator = operator.into_validator()?;
    let again = operator.json("validator", &["register", "--json"], false).await?;
    assert_eq!((&again["already"], &again["uid"]), (&true.into(), &bought["uid"]));
    assert_eq!(operator.net.chain().balance(&coldkey).await?, balance);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hotkey_may_be_on_another_machine() -> Result<()> {
    let operator = Operator::new(RICH, &Keypair::generate()?).await?;
    let elsewhere = Keypair::generate()?;
    std::fs::remove_dir_all(operator.net.folder().join("wallets/test/hotkeys"))?;
    let agreed = ["register", "--yes", "--max-price", "2", "--json"];
    operator.refused("miner", &agreed, true, 64, &["hotpub.txt", "--hotkey-ss58"]).await?;
    let unasked = ["register", "--hotkey-ss58", elsewhere.address()];
    operator.refused("miner", &unasked, false, 1, &["costs", elsewhere.address(), "--yes"]).await?;
    let wrong = [&agreed[..], &["--hotkey-ss58", "5Foo"]].concat();
    operator.refused("miner", &wrong, true, 2, &["5Foo", "SS58"]).await?;
    let right = [&agreed[..], &["--hotkey-ss58", elsewhere.address()]].concat();
    let bought = operator.json("miner", &right, true).await?;
    assert_eq!(bought["hotkey"], elsewhere.address());
    assert!(operator.net.snapshot().await?.neuron(&elsewhere.hotkey()).is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coldkey_without_money_is_told() -> Result<()> {
    let operator = Operator::new("//Nobody", &Keypair::generate()?).await?;
    let poor = Keypair::from_uri("//Nobody")?;
    let price = Tao(operator.net.chain().registration_price(operator.net.netuid()).await?);
    let needed = format!("has 0 TAO, and {price} is needed");
    operator.refused("miner", &["register", "--yes", "--max-price", "2"], true, 1, &[poor.address(), &needed]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stake_is_bought_and_what_it_bought_is_said() -> Result<()> {
    let hotkey = Keypair::generate()?;
    let operator = Operator::new(RICH, &hotkey).await?.into_validator()?;
    let (net, address) = (&operator.net, hotkey.address());
    operator.json("validator", &["register", "--yes", "--max-price", "2", "--json"], true).await?;
    operator.refused("validator", &["stake"], true, 2, &["--amount"]).await?;
    operator.refused("validator", &["stake", "--amount", "5"], true, 1, &["5 TAO buy about", address, "--yes"]).await?;
    let all = ["stake", "--amount", "18000000000", "--yes"];
    operator.refused("validator", &all, true, 1, &["is needed"]).await?;

    let quote = net.chain().quote(net.netuid(), Rao(5_000_000_000)).await?;
    let staked = operator.json("validator", &["stake", "--amount", "5", "--yes", "--json"], true).await?;
    let alpha = staked["alpha_rao"].as_u64().context("the alpha is said")?;
    // Nothing happened on the chain since the quote but the price's own drift.
    assert!(alpha.abs_diff(quote.alpha_amount) <= quote.alpha_amount / 100, "{alpha} against {quote:?}");
    assert_eq!((&staked["paid_rao"], &staked["hotkey"]), (&5_000_000_000_u64.into(), &address.into()));
    let snapshot = net.snapshot().await?;
    let stake = snapshot.neuron(&hotkey.hotkey()).context("it is registered")?.stake.get();
    assert!(stake >= alpha, "{stake} of {alpha}");
    Ok(())
}

/// Announcing needs the hotkey alone, of either scheme: this one signs its extrinsic with ed25519.
#[tokio::test(flavor = "multi_thread")]
async fn an_axon_is_announced_without_running_it() -> Result<()> {
    let hotkey = Keypair::seeded(Scheme::Ed25519, &[9; 32]);
    let operator = Operator::new(RICH, &hotkey).await?;
    let (net, announce) = (&operator.net, ["serve", "--external", "127.0.0.1:8091", "--json"]);
    std::fs::remove_file(net.folder().join("wallets/test/coldkey"))?;
    operator.refused("miner", &announce, false, 1, &[hotkey.address(), "miner register"]).await?;
    net.chain().burned_register(&Keypair::from_uri(RICH)?, net.netuid(), hotkey.hotkey()).await?;
    operator.refused("miner", &["serve"], false, 1, &["127.0.0.1:0", "--external"]).await?;
    assert_eq!(operator.json("miner", &announce, false).await?["already"], false);
    let axon = net.snapshot().await?.neuron(&hotkey.hotkey()).and_then(|neuron| neuron.axon);
    assert_eq!(axon, Some("127.0.0.1:8091".parse()?));
    assert_eq!(operator.json("miner", &announce, false).await?["already"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_warns_of_a_coldkey_where_neurons_run() -> Result<()> {
    let operator = Operator::new(RICH, &Keypair::generate()?).await?;
    let coldkey = operator.net.folder().join("wallets/test/coldkey");
    let warning = || async {
        let checks = operator.run("miner", &["check", "--json"], false).await?;
        let checks: Vec<Value> = serde_json::from_str(&checks.stdout)?;
        let warnings = checks.into_iter().filter(|check| check["warning"] == true && check["part"] == "wallet");
        anyhow::Ok(warnings.filter_map(|check| check["text"].as_str().map(str::to_owned)).collect::<Vec<_>>())
    };
    let warnings = warning().await?;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&coldkey.display().to_string()) && warnings[0].contains("move it"), "{warnings:?}");
    assert!(warnings[0].contains("not even encrypted"), "{warnings:?}");
    std::fs::remove_file(&coldkey)?;
    assert_eq!(warning().await?, Vec::<String>::new());

    std::fs::write(&coldkey, "$NACL")?;
    let hotkey = operator.net.folder().join("wallets/test/hotkeys/hot");
    std::fs::set_permissions(&hotkey, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let warnings = warning().await?;
    assert!(warnings[0].contains("chmod 600") && !warnings[1].contains("not even encrypted"), "{warnings:?}");
    Ok(())
}
