//! Settings are checked before the first event.

use tempfile::NamedTempFile;

use crate::support::{DynamoDb, Event, Function, program};

#[tokio::test]
async fn a_bad_setting_stops_the_start_and_says_what_is_accepted() {
    let label = format!("{}.test", "a".repeat(64));
    let (table, domain) = ("a".repeat(256), "a.".repeat(100) + "a");
    let url = |length: usize| format!(r#"{{"SignalingUrl": "{}"}}"#, "x".repeat(length));
    let (empty, long) = (url(0), url(4097));
    let certificate = |base64| {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let file = NamedTempFile::new().unwrap();
        std::fs::write(&file, pem).unwrap();
        file
    };
    let ca_bundles = [certificate("AAAA"), certificate("!")];
    let [no_certificate, no_base64] = ca_bundles.each_ref().map(|it| it.path().to_str().unwrap());
    for (variable, value, accepted) in [
        ("MEETINGS_TABLE", "ab", "3 to 255 letters, digits, underscores, hyphens and dots"),
        ("MEETINGS_TABLE", "my table", "3 to 255 letters, digits, underscores, hyphens and dots"),
        ("MEETINGS_TABLE", &table, "3 to 255 letters, digits, underscores, hyphens and dots"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000", "must be an http or https URL"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "/dynamodb", "must be an http or https URL"),
        ("AWS_ENDPOINT_URL", "ftp://localhost", "must be an http or https URL"),
        ("AWS_REGION", "us east", "must be an AWS Region, such as us-east-1"),
        ("AWS_REGION", "US-EAST-1", "must be an AWS Region, such as us-east-1"),
        ("AWS_DEFAULT_REGION", "us.east", "must be an AWS Region, such as us-east-1"),
        ("AWS_USE_FIPS_ENDPOINT", "yes", "must be true or false"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "1", "must be true or false"),
        (
            "AWS_CA_BUNDLE",
            "/nowhere/ca.pem",
            "must name a readable file (No such file or directory",
        ),
        ("AWS_CA_BUNDLE", "/dev/null", "must name a file of PEM certificates"),
        ("AWS_CA_BUNDLE", no_certificate, "has an unusable certificate 1 (invalid peer"),
        ("AWS_CA_BUNDLE", no_base64, "has an unusable certificate 1 ("),
        ("MEETING_LIFETIME_SECONDS", "0", "a whole number of seconds between 1 and 4294967295"),
        ("MEETING_LIFETIME_SECONDS", "-1", "a whole number of seconds between 1 and 4294967295"),
        ("MEETING_LIFETIME_SECONDS", "1.5", "a whole number of seconds between 1 and 4294967295"),
        (
            "MEETING_LIFETIME_SECONDS",
            "4294967296",
            "a whole number of seconds between 1 and 4294967295",
        ),
        ("REQUIRE_IAM_CALLER", "yes", "must be true or false"),
        ("REQUIRE_IAM_CALLER", "TRUE", "must be true or false"),
        ("ALLOWED_ACCOUNT_IDS", "11112222333", r#"IDs, and "11112222333" is none"#),
        (
            "ALLOWED_ACCOUNT_IDS",
            "1111222233334",
            "must be comma-separated 12-digit AWS account IDs",
        ),
        (
            "ALLOWED_ACCOUNT_IDS",
            "1111-2222-3333",
            "must be comma-separated 12-digit AWS account IDs",
        ),
        (
            "ALLOWED_ACCOUNT_IDS",
            "１１１１２２２２３３３３",
            "must be comma-separated 12-digit AWS account IDs",
        ),
        ("ALLOWED_ACCOUNT_IDS", "111122223333,", r#"IDs, and "" is none"#),
        ("ALLOWED_ACCOUNT_IDS", "111122223333,anonymous", r#"IDs, and "anonymous" is none"#),
        (
            "ALLOWED_ACCOUNT_IDS",
            "111122223333;444455556666",
            "must be comma-separated 12-digit AWS account IDs",
        ),
        ("DAILY_MEETING_LIMIT", "0", "a whole number of meetings between 1 and 4294967295"),
        ("DAILY_MEETING_LIMIT", "-1", "a whole number of meetings between 1 and 4294967295"),
        ("DAILY_MEETING_LIMIT", "1e3", "a whole number of meetings between 1 and 4294967295"),
        ("DAILY_MEETING_LIMIT", "unlimited", "a whole number of meetings between 1 and 4294967295"),
        (
            "DAILY_MEETING_LIMIT",
            "4294967296",
            "a whole number of meetings between 1 and 4294967295",
        ),
        ("MEDIA_DOMAIN", "https://media.test", "a domain name of at most 200 characters"),
        ("MEDIA_DOMAIN", "media..test", "a domain name of at most 200 characters"),
        ("MEDIA_DOMAIN", "-media.test", "a domain name of at most 200 characters"),
        ("MEDIA_DOMAIN", &domain, "a domain name of at most 200 characters"),
        ("MEDIA_DOMAIN", &label, "a domain name of at most 200 characters"),
        ("MEDIA_PLACEMENT", "wss://x", "must be a JSON object"),
        (
            "MEDIA_PLACEMENT",
            r#"{"SignalUrl": "x"}"#,
            "unknown member SignalUrl; expected one of AudioFallbackUrl, ",
        ),
        (
            "MEDIA_PLACEMENT",
            r#"{"SignalingUrl": 1}"#,
            "has the member SignalingUrl, which must be a string",
        ),
        ("MEDIA_PLACEMENT", r#"{"SignalingUrl": "{Id}"}"#, "only {MeetingId}, {MeetingIdHex}"),
        ("MEDIA_PLACEMENT", &empty, "must make URLs of 1 to 4096 characters"),
        ("MEDIA_PLACEMENT", &long, "must make URLs of 1 to 4096 characters"),
    ] {
        let mut command = program::create_meeting().await;
        // Nobody listens there: a function that starts would end too, but say something else.
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
async fn settings_that_contradict_each_other_or_are_missing_stop_the_start() {
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
    let output = String::from_utf8_lossy(&bad.stdout);
    assert!(output.contains("startup failed: DAILY_MEETING_LIMIT must be"), "{output}");
    assert_eq!(bad.status.code(), Some(1));
}

#[tokio::test]
async fn an_empty_setting_is_as_good_as_none() {
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
        "MEDIA_DOMAIN",
        "MEDIA_PLACEMENT",
    ];
    let function = Function::start_with(&dynamodb, &variables.map(|name| (name, ""))).await;

    let reply = function.invoke(&Event::named("rest-create")).await;

    assert_eq!(reply.status, 201, "{reply:?}");
    assert!(reply.body.contains("us-east-1.media.example.com"), "{reply:?}");
}

#[tokio::test]
async fn the_endpoint_of_dynamodb_goes_before_that_of_all_services() {
    let dynamodb = DynamoDb::start().await;
    let endpoint = dynamodb.endpoint.clone();
    let nowhere = "http://127.0.0.1:9";
    for (of_dynamodb, of_all, status) in
        [(&*endpoint, nowhere, 201), ("", &endpoint, 201), (nowhere, &endpoint, 503)]
    {
        let variables = [("AWS_ENDPOINT_URL_DYNAMODB", of_dynamodb), ("AWS_ENDPOINT_URL", of_all)];
        let function = Function::start_with(&dynamodb, &variables).await;
        let reply = function.invoke(&Event::named("rest-create")).await;
        assert_eq!(reply.status, status, "{variables:?}");
    }
}

#[tokio::test]
async fn settings_are_accepted_up_to_their_bounds() {
    let dynamodb = DynamoDb::start().await;
    let (table, domain) = ("a".repeat(255), "a.".repeat(99) + "bc");
    let url = format!(r#"{{"SignalingUrl": "{{MediaRegion}}{}"}}"#, "x".repeat(4096 - 14));
    for (variable, value, status) in [
        // There are no such tables, which is found out only by the first request.
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
        ("MEDIA_PLACEMENT", "{}", 201),
        ("MEDIA_PLACEMENT", &url, 201),
    ] {
        let function = Function::start_with(&dynamodb, &[(variable, value)]).await;
        let reply = function.invoke(&Event::named("rest-create")).await;
        assert_eq!(reply.status, status, "{variable}={value}");
    }
}
