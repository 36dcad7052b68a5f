//! The chain's runtime is upgraded under running neurons.

use localnet::runtime::upgrade::Form;
use serde_json::Value;
use tests::deadline::until;
use tests::process::Process;

use super::rounds::{PATIENCE, Subnet, board, row};

async fn get(process: &Process, path: &str) -> anyhow::Result<String> {
    Ok(reqwest::get(format!("http://{}{path}", process.address())).await?.error_for_status()?.text().await?)
}

async fn runtime(validator: &Process) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&get(validator, "/v1/runtime").await?)?)
}

/// How many items of the runtime are missing, as the metrics say.
async fn missing(validator: &Process) -> anyhow::Result<Option<u64>> {
    let metrics = get(validator, "/metrics").await?;
    let mut values = metrics.lines().filter_map(|line| line.strip_prefix("assay_runtime_items{status=\"missing\"} "));
    Ok(values.next().and_then(|value| value.parse().ok()))
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_go_on_across_upgrades_that_move_rename_types_and_add_arguments() -> anyhow::Result<()> {
    let subnet = Subnet::start().await?;
    let validator = subnet.validator().await?;
    subnet.round(&validator).await?;
    let forms = [Form::MovedCalls, Form::NetuidNewtype, Form::NewArgument, Form::Plain];
    for (spec_version, form) in (426..).zip(forms) {
        let before = subnet.neuron(&subnet.validator).await?.last_update;
        subnet.net.upgrade(spec_version, form).await?;
        let board = subnet.round(&validator).await?;
        assert!(subnet.neuron(&subnet.validator).await?.last_update > before, "{form:?}: {board:#}");
        assert_eq!(row(&board, &subnet.honest)["verdict"], "accepted", "{form:?}: {board:#}");
        let seen = runtime(&validator).await?;
        assert_eq!(
            (&seen["spec_version"], &seen["stopped_by"]),
            (&Value::from(spec_version), &Value::Null),
            "{form:?}"
        );
    }
    assert_eq!(missing(&validator).await?, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incompatible_upgrade_stops_submissions_by_name_until_the_next_one() -> anyhow::Result<()> {
    let subnet = Subnet::start().await?;
    let validator = subnet.validator().await?;
    subnet.round(&validator).await?;
    let before = subnet.neuron(&subnet.validator).await?.last_update;

    subnet.net.upgrade(426, Form::NoWeights).await?;
    let window = subnet.net.window().await?.block.number;
    let stopped = until("the round is judged and the cause is named", PATIENCE, async || {
        let board = board(&validator).await?;
        let judged = board["round"]["window"] == window.get() && board["round"]["void"].is_null();
        let cause = board["waiting_for"].as_str().is_some_and(|cause| cause.contains("weights is missing"));
        (judged && cause).then_some(board)
    });
    let stopped = stopped.await.map_err(|error| error.context(validator.stderr()))?;
    assert_eq!(row(&stopped, &subnet.honest)["verdict"], "accepted", "rounds go on and miners serve: {stopped:#}");
    assert!(stopped["waiting_for"].as_str().is_some_and(|cause| cause.contains("spec 426")), "{stopped:#}");
    assert_eq!(subnet.neuron(&subnet.validator).await?.last_update, before, "nothing was submitted");
    let seen = runtime(&validator).await?;
    assert!(seen["stopped_by"].as_str().is_some_and(|cause| cause.contains("weights is missing")), "{seen:#}");
    assert!(missing(&validator).await?.is_some_and(|missing| missing > 0));
    assert!(validator.stderr().contains("the runtime does not fit"), "{}", validator.stderr());

    subnet.net.upgrade(427, Form::MovedCalls).await?;
    let resumed = until("the weights of the same round land", PATIENCE, async || {
        subnet.net.produce(1).await.ok()?;
        let landed = subnet.neuron(&subnet.validator).await.ok()?.last_update > before;
        landed.then_some(())
    });
    resumed.await.map_err(|error| error.context(validator.stderr()))?;
    assert_eq!(missing(&validator).await?, Some(0));
    assert_eq!(runtime(&validator).await?["stopped_by"], Value::Null);
    assert_eq!(validator.stop().await?.code, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_lists_every_item_and_fails_by_name() -> anyhow::Result<()> {
    let net = tests::net::TestNet::start(super::policy()).await?;
    net.validator("validator").await?;
    let config = net.validator_config("validator", |text| text)?.display().to_string();
    let fits = tests::process::run("validator", ["check", "--config", &config]).await?;
    assert!(fits.stdout.contains("ok     runtime: spec 425: "), "{}", fits.stdout);
    assert!(fits.stdout.contains("found    storage   SubtensorModule.Tempo\n"), "{}", fits.stdout);

    net.upgrade(426, Form::NoWeights).await?;
    let fails = tests::process::run("validator", ["check", "--json", "--config", &config]).await?;
    assert_eq!(fails.code, Some(1), "{}", fails.stdout);
    let parts: Vec<Value> = serde_json::from_str(&fails.stdout)?;
    let part = parts.iter().find(|part| part["part"] == "runtime").expect("a part of its own");
    assert_eq!(part["ok"], false);
    let items = part["items"].as_array().expect("items");
    assert!(items.iter().any(|item| item["status"] == "missing" && item["kind"] == "call"), "{part:#}");
    assert!(items.iter().filter(|item| item["status"] == "found").count() > 10, "{part:#}");
    Ok(())
}
