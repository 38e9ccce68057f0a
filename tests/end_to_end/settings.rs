//! Settings are checked before the first event.

use tempfile::NamedTempFile;

use crate::support::{DynamoDb, Event, Function, program};

#[tokio::test]
async fn startup_rejects_an_invalid_setting_and_says_what_is_accepted() {
    let label = format!("{}.test", "a".repeat(64));
    let (table, domain) = ("a".repeat(256), "a.".repeat(100) + "a");
    let certificate = |base64| {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let file = NamedTempFile::new().unwrap();
        std::fs::write(&file, pem).unwrap();
        file
    };
    let ca_bundles = [certificate("AAAA"), certificate("!")];
    let [no_certificate, no_base64] = ca_bundles.each_ref().map(|it| it.path().to_str().unwrap());
    let region = "must be an AWS Region, such as us-east-1";
    let seconds = "must be a whole number of seconds between 1 and 4294967295";
    let meetings = "must be a whole number of meetings between 1 and 4294967295";
    let accounts = "must be comma-separated 12-digit AWS account IDs, and";
    let domain_name = "must be a domain name of at most 200 characters, such as media.example.com";
    let table_name = "must be 3 to 255 letters, digits, underscores, hyphens and dots";
    let cases = [
        ("MEETINGS_TABLE", table_name, &["ab", "my table", &table][..]),
        ("AWS_REGION", region, &["us east", "US-EAST-1", "-east", "east-", &label]),
        ("AWS_DEFAULT_REGION", region, &["us.east"]),
        ("AWS_ENDPOINT_URL_DYNAMODB", "must be an http or https URL", &["localhost:8000", "/x"]),
        ("AWS_ENDPOINT_URL", "must be an http or https URL", &["ftp://localhost"]),
        ("AWS_USE_FIPS_ENDPOINT", "must be true or false", &["yes"]),
        ("AWS_USE_DUALSTACK_ENDPOINT", "must be true or false", &["1"]),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "must be true or false", &["1"]),
        ("AWS_CA_BUNDLE", "must name a readable file (No such file", &["/nowhere/ca.pem"]),
        ("AWS_CA_BUNDLE", "must name a file of PEM certificates", &["/dev/null"]),
        ("AWS_CA_BUNDLE", "has an unusable certificate 1 (invalid peer", &[no_certificate]),
        ("AWS_CA_BUNDLE", "has an unusable certificate 1 (", &[no_base64]),
        ("MEETING_LIFETIME_SECONDS", seconds, &["0", "-1", "1.5", "4294967296"]),
        ("REQUIRE_IAM_CALLER", "must be true or false", &["yes", "TRUE"]),
        ("ALLOWED_ACCOUNT_IDS", accounts, &["11112222333", "1111222233334", "1111-2222-3333"]),
        (
            "ALLOWED_ACCOUNT_IDS",
            accounts,
            &["１１１１２２２２３３３３", "111122223333;444455556666"],
        ),
        ("ALLOWED_ACCOUNT_IDS", r#"IDs, and "" is not one"#, &["111122223333,"]),
        ("ALLOWED_ACCOUNT_IDS", r#"IDs, and "root" is not one"#, &["111122223333,root"]),
        ("REUSED_TOKEN", "must be reject or replay", &["Replay", "true", "reject,replay"]),
        ("DAILY_MEETING_LIMIT", meetings, &["0", "-1", "1e3", "unlimited", "4294967296"]),
        ("MEDIA_DOMAIN", domain_name, &["https://media.test", "media..test", "-media.test"]),
        ("MEDIA_DOMAIN", domain_name, &[&domain, &label]),
    ];
    for (variable, accepted, value) in cases.into_iter().flat_map(|(variable, accepted, values)| {
        values.iter().map(move |value: &&str| (variable, accepted, *value))
    }) {
        let mut command = program::create_meeting().await;
        // Nothing listens there: a function that starts would exit too, but with another message.
        command.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").env(variable, value);

        let output = command.output().await.unwrap();

        assert!(!output.status.success());
        let output = String::from_utf8_lossy(&output.stdout);
        let beginning = format!("startup failed: {variable} ");
        let end = format!(", got {value:?}\n");
        assert!(output.contains(&beginning) && output.ends_with(&end), "{variable}: {output}");
        assert!(output.contains(accepted), "{variable}: {output}");
    }
}

#[tokio::test]
async fn startup_fails_on_contradictory_or_missing_settings() {
    let of_dynamodb = ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    let region = "AWS_REGION must be set to an AWS Region, such as us-east-1";
    let credentials = "credentials must be set, either in AWS_ACCESS_KEY_ID and \
                       AWS_SECRET_ACCESS_KEY or by AWS_CONTAINER_CREDENTIALS_FULL_URI";
    for (variables, why) in [
        (
            &[("REQUIRE_IAM_CALLER", "false"), ("ALLOWED_ACCOUNT_IDS", "111122223333")][..],
            r#"REQUIRE_IAM_CALLER must be true or unset when ALLOWED_ACCOUNT_IDS is set, got "false""#,
        ),
        (
            &[("AWS_USE_FIPS_ENDPOINT", "True"), of_dynamodb],
            r#"AWS_USE_FIPS_ENDPOINT must be false or unset when the endpoint is http://127.0.0.1:9, got "True""#,
        ),
        (
            &[("AWS_USE_DUALSTACK_ENDPOINT", "true"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")],
            r#"AWS_USE_DUALSTACK_ENDPOINT must be false or unset when the endpoint is http://127.0.0.1:9, got "true""#,
        ),
        (&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")], region),
        (&[("AWS_ACCESS_KEY_ID", "")], credentials),
        (&[("AWS_SECRET_ACCESS_KEY", "")], credentials),
    ] {
        let mut command = program::create_meeting().await;
        command.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").envs(variables.iter().copied());

        let output = command.output().await.unwrap();

        assert!(!output.status.success());
        let output = String::from_utf8_lossy(&output.stdout);
        assert!(output.ends_with(&format!("startup failed: {why}\n")), "{output}");
    }
}

#[tokio::test]
async fn settings_can_be_checked_without_lambda() {
    let check = async |limit| {
        let mut command = program::create_meeting().await;
        command.arg("--check").env("DAILY_MEETING_LIMIT", limit).output().await.unwrap()
    };
    let good = check("1").await;
    assert!(good.status.success() && good.stdout.is_empty() && good.stderr.is_empty(), "{good:?}");
    let bad = check("none").await;
    let output = String::from_utf8_lossy(&bad.stderr);
    assert!(output.starts_with("startup failed: DAILY_MEETING_LIMIT must be"), "{output}");
    assert_eq!(bad.status.code(), Some(1));
}

#[tokio::test]
async fn an_empty_setting_counts_as_unset() {
    let dynamodb = DynamoDb::start().await;
    let variables = [
        "AWS_CA_BUNDLE",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
        "MEETINGS_TABLE",
        "MEETING_LIFETIME_SECONDS",
        "REQUIRE_IAM_CALLER",
        "ALLOWED_ACCOUNT_IDS",
        "DAILY_MEETING_LIMIT",
        "REUSED_TOKEN",
        "MEDIA_DOMAIN",
    ];
    let function = Function::start_with(&dynamodb, &variables.map(|name| (name, ""))).await;

    let reply = function.invoke(&Event::rest()).await;

    assert_eq!(reply.status, 201, "{reply:?}");
    assert!(reply.body.contains("us-east-1.media.example.com"), "{reply:?}");
}

#[tokio::test]
async fn the_dynamodb_endpoint_overrides_the_global_one() {
    let dynamodb = DynamoDb::start().await;
    let endpoint = dynamodb.endpoint.clone();
    let nowhere = "http://127.0.0.1:9";
    for (of_dynamodb, of_all, ignored, status) in [
        (&*endpoint, nowhere, "", 201),
        ("", &endpoint, "false", 201),
        (nowhere, &endpoint, "", 503),
    ] {
        let variables = [
            ("AWS_ENDPOINT_URL_DYNAMODB", of_dynamodb),
            ("AWS_ENDPOINT_URL", of_all),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", ignored),
        ];
        let function = Function::start_with(&dynamodb, &variables).await;
        let reply = function.invoke(&Event::rest()).await;
        assert_eq!(reply.status, status, "{variables:?}");
    }
}

#[tokio::test]
async fn configured_endpoints_can_be_ignored() {
    let check = async |variables: &[(&str, &str)]| {
        let mut command = program::create_meeting().await;
        command.arg("--check").envs(variables.iter().copied()).output().await.unwrap().status
    };
    // Only an endpoint of AWS can be a FIPS endpoint.
    let fips = [("AWS_USE_FIPS_ENDPOINT", "true"), ("MEDIA_PLANE", "chime-sdk-meetings")];
    for variable in
        ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", "AWS_ENDPOINT_URL"]
    {
        let configured = [&fips[..], &[(variable, "http://127.0.0.1:9")]].concat();
        assert!(!check(&configured).await.success(), "{variable}");
        for yes in ["true", "True"] {
            let ignored = [&configured[..], &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", yes)]];
            assert!(check(&ignored.concat()).await.success(), "{variable}");
        }
    }
}

#[tokio::test]
async fn settings_are_accepted_up_to_their_bounds() {
    let dynamodb = DynamoDb::start().await;
    let (table, domain) = ("a".repeat(255), "a.".repeat(99) + "bc");
    for (variable, value, status) in [
        // These tables do not exist, which only the first request notices.
        ("MEETINGS_TABLE", "a-b", 500),
        ("MEETINGS_TABLE", &table, 500),
        ("MEETING_LIFETIME_SECONDS", "1", 201),
        ("MEETING_LIFETIME_SECONDS", "4294967295", 201),
        ("REQUIRE_IAM_CALLER", "true", 201),
        ("REQUIRE_IAM_CALLER", "false", 201),
        ("ALLOWED_ACCOUNT_IDS", "111122223333", 201),
        ("ALLOWED_ACCOUNT_IDS", " 000000000000 ,\t111122223333, 111122223333", 201),
        ("DAILY_MEETING_LIMIT", "1", 201),
        ("DAILY_MEETING_LIMIT", "4294967295", 201),
        ("MEDIA_DOMAIN", "localhost", 201),
        ("MEDIA_DOMAIN", &domain, 201),
    ] {
        let function = Function::start_with(&dynamodb, &[(variable, value)]).await;
        let reply = function.invoke(&Event::rest()).await;
        assert_eq!(reply.status, status, "{variable}={value}");
    }
}
