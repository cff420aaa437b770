using Microsoft.Data.Sqlite;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing;

namespace ModelFs.Registries.Tests;

/// <summary>Local stores that are missing, damaged or locked, and content that leads out of the directories it may lie in.</summary>
public sealed class LocalStoreFaultTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly CapturedLogs logs = new();

    public void Dispose() => directory.Dispose();

    private string At(params string[] parts) => Path.Join([directory.Path, .. parts]);

    private IModelRegistry Registry(string database = "mlflow.db", Func<RegistryOptions, RegistryOptions>? change = null)
    {
        var options = TestRegistry.Options($"sqlite:///{At(database)}") with { AttemptTimeout = TimeSpan.FromSeconds(1) };
        return TestRegistry.With(change is null ? options : change(options), logs);
    }

    private static async Task ShellAsync(string command)
    {
        using var shell = System.Diagnostics.Process.Start("sh", ["-c", command]);
        await shell.WaitForExitAsync();
        Assert.Equal(0, shell.ExitCode);
    }

    /// <summary>A store of one model <c>m</c> whose version 1 has the given storage location.</summary>
    private void Create(string location, string extraColumn = "", string extraValue = "") => Execute($"""
        CREATE TABLE registered_models (name TEXT, creation_time INT, last_updated_time INT{extraColumn});
        CREATE TABLE registered_model_tags (key TEXT, value TEXT, name TEXT{extraColumn});
        CREATE TABLE registered_model_aliases (alias TEXT, version INT, name TEXT{extraColumn});
        CREATE TABLE model_versions (name TEXT, version INT, creation_time INT, current_stage TEXT, source TEXT, run_id TEXT, status TEXT,
          storage_location TEXT{extraColumn});
        CREATE TABLE logged_models (model_id TEXT, artifact_location TEXT);
        CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT);
        INSERT INTO registered_models VALUES ('m', 1, 1{extraValue});
        INSERT INTO model_versions VALUES ('m', 1, 1, 'None', 'x', 'r', 'READY', '{location}'{extraValue});
        """);

    private void Execute(string sql)
    {
        SQLitePCL.Batteries_V2.Init();
        using var connection = new SqliteConnection($"Data Source={At("mlflow.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private void Write(string path, string text = "content")
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), text);
    }

    private static async Task<RegistryResult<Manifest>> ManifestAsync(IModelRegistry registry) =>
        await registry.GetManifestAsync((await registry.GetVersionAsync("m", "1", default)).Must(), default);

    private async Task<Manifest> MustListAsync(params string[] paths)
    {
        await using var registry = Registry();
        var manifest = (await ManifestAsync(registry)).Must();
        Assert.Equal(paths, manifest.Files.Select(file => file.Path));
        foreach (var file in manifest.Files)
            Assert.Equal("content"u8.ToArray(), await registry.ReadAsync(manifest, file.Path, 0, file.Size!.Value));
        return manifest;
    }

    private async Task<RegistryError> MustRefuseAsync(RegistryErrorKind kind, Func<RegistryOptions, RegistryOptions>? change = null)
    {
        await using var registry = Registry(change: change);
        return await new ValueTask<RegistryResult<Manifest>>(await ManifestAsync(registry)).MustFail(kind);
    }

    [Fact]
    public async Task A_missing_database_is_unavailable_until_it_is_there()
    {
        await using var registry = Registry();
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        Assert.Contains("does not exist", error.Message, StringComparison.Ordinal);
        Create("mlflow-artifacts:/x");
        await registry.PingAsync(default).Must();
        Assert.Equal(["m"], (await registry.AllModelsAsync()).Select(model => model.Name));
    }

    [Fact]
    public async Task What_is_no_database_is_malformed()
    {
        Write("mlflow.db", new string('x', 8192));
        await using var registry = Registry();
        var error = await registry.ListModelsAsync(null, default).MustFail(RegistryErrorKind.Malformed);
        Assert.Contains("not a SQLite database", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_without_the_tables_is_unsupported()
    {
        Execute("CREATE TABLE other (x INT)");
        await using var registry = Registry();
        await registry.ListModelsAsync(null, default).MustFail(RegistryErrorKind.Unsupported);
    }

    [Fact]
    public async Task A_locked_database_is_unavailable_and_blocks_no_caller()
    {
        Create("mlflow-artifacts:/x");
        using var connection = new SqliteConnection($"Data Source={At("mlflow.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "BEGIN EXCLUSIVE";
        command.ExecuteNonQuery();
        await using var registry = Registry();
        var asking = registry.PingAsync(default);
        Assert.False(asking.IsCompleted);
        var error = await asking.MustFail(RegistryErrorKind.Unavailable);
        Assert.Contains("locked", error.Message, StringComparison.Ordinal);
        command.CommandText = "ROLLBACK";
        command.ExecuteNonQuery();
        await registry.PingAsync(default).Must();
    }

    [Fact]
    public async Task The_database_is_not_written_to()
    {
        Create("mlflow-artifacts:/x");
        Write("mlartifacts/x/f");
        var before = File.ReadAllBytes(At("mlflow.db"));
        await MustListAsync("f");
        Assert.Equal(before, File.ReadAllBytes(At("mlflow.db")));
        Assert.Equal(["mlartifacts", "mlflow.db"], Directory.EnumerateFileSystemEntries(directory.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_database_with_workspaces_shows_the_default_one()
    {
        Create("mlflow-artifacts:/x", ", workspace TEXT", ", 'default'");
        Execute("INSERT INTO registered_models VALUES ('theirs', 1, 1, 'team-a')");
        await using var registry = Registry();
        Assert.Equal(["m"], (await registry.AllModelsAsync()).Select(model => model.Name));
        await registry.GetModelAsync("theirs", default).MustFail(RegistryErrorKind.NotFound);
        await using var team = TestRegistry.With(TestRegistry.Options($"sqlite:///{At("mlflow.db")}"), null, ("MLFLOW_WORKSPACE", "team-a"));
        Assert.Equal(["theirs"], (await team.AllModelsAsync()).Select(model => model.Name));
    }

    [Fact]
    public async Task Many_models_come_in_pages()
    {
        Create("mlflow-artifacts:/x");
        Execute("""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
            INSERT INTO registered_models SELECT printf('n%04d', i), 1, 1 FROM n
            """);
        await using var registry = Registry();
        Assert.Equal(2501, (await registry.AllModelsAsync()).DistinctBy(model => model.Name).Count());
    }

    [Theory]
    [InlineData("mlflow-artifacts:/x", "mlartifacts/x/f")]
    [InlineData("mlflow-artifacts:/x", "artifacts/x/f")]
    [InlineData("./mlruns/1/r/artifacts/model", "mlruns/1/r/artifacts/model/f")]
    public async Task Content_beside_the_database_is_found(string location, string file)
    {
        Create(location);
        Write(file);
        await MustListAsync("f");
    }

    [Fact]
    public async Task A_file_URI_and_a_plain_path_are_local_paths()
    {
        Create($"file://{At("mlruns", "a b")}".Replace(" ", "%20"));
        Write("mlruns/a b/d/f");
        await MustListAsync("d/f");
        Execute($"UPDATE model_versions SET storage_location = '{At("mlruns", "a b")}'");
        await MustListAsync("d/f");
    }

    [Fact]
    public async Task Runs_logged_models_and_copied_versions_are_followed_through_the_tables()
    {
        Create("models:/m/2");
        Execute("""
            INSERT INTO model_versions VALUES ('m', 2, 1, 'None', 'models:/m-1', 'r', 'READY', NULL);
            INSERT INTO logged_models VALUES ('m-1', 'runs:/r/model');
            INSERT INTO runs VALUES ('r', 'mlflow-artifacts:/1/r/artifacts');
            """);
        Write("mlartifacts/1/r/artifacts/model/f");
        await MustListAsync("f");
    }

    [Fact]
    public async Task A_circle_in_the_tables_is_malformed()
    {
        Create("models:/m/1");
        await MustRefuseAsync(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task The_destination_is_where_the_setting_says()
    {
        Create("mlflow-artifacts:/x");
        Write("elsewhere/x/f");
        await MustRefuseAsync(RegistryErrorKind.NotFound);
        await using var registry = Registry(change: options => options with { ArtifactsDestination = At("elsewhere") });
        Assert.Equal("f", Assert.Single((await ManifestAsync(registry)).Must().Files).Path);
    }

    [Fact]
    public async Task A_path_outside_is_denied_until_it_is_a_root()
    {
        Write("outside/f");
        Create(At("outside"));
        var error = await MustRefuseAsync(RegistryErrorKind.Denied);
        Assert.Contains("artifactRoots", error.Message, StringComparison.Ordinal);
        await using var registry = Registry(change: options => options with { ArtifactRoots = [At("outside")] });
        Assert.Equal("f", Assert.Single((await ManifestAsync(registry)).Must().Files).Path);
    }

    [Theory]
    [InlineData("mlflow-artifacts:/../outside")]
    [InlineData("mlflow-artifacts:/x/../../outside")]
    [InlineData("file:///x/../etc")]
    public async Task A_location_that_climbs_is_refused(string location)
    {
        Write("outside/f");
        Write("mlartifacts/x/f");
        Create(location);
        await MustRefuseAsync(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task A_storage_without_a_client_is_unsupported()
    {
        Create("s3://bucket/x");
        await MustRefuseAsync(RegistryErrorKind.Unsupported);
    }

    [Fact]
    public async Task Links_pipes_and_names_that_are_not_UTF8_are_left_out_and_logged()
    {
        Create("mlflow-artifacts:/x");
        Write("outside/secret");
        Write("mlartifacts/x/f");
        File.CreateSymbolicLink(At("mlartifacts", "x", "link"), At("outside", "secret"));
        Directory.CreateSymbolicLink(At("mlartifacts", "x", "tree"), At("outside"));
        await ShellAsync($"cd '{At("mlartifacts", "x")}' && mkfifo pipe && touch $(printf 'bad\\377')");
        await MustListAsync("f");
        await ShellAsync($"rm '{At("mlartifacts", "x")}'/bad*"); // .NET cannot name it
        foreach (var name in new[] { "link", "tree", "pipe", "bad" })
            Assert.Contains(logs.Lines, line => line.Contains(name, StringComparison.Ordinal) && line.Contains("left out", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_directory_that_becomes_a_link_after_the_listing_is_not_followed()
    {
        Create("mlflow-artifacts:/x");
        Write("outside/f");
        Write("mlartifacts/x/d/f");
        await using var registry = Registry();
        var manifest = (await ManifestAsync(registry)).Must();
        Directory.Delete(At("mlartifacts", "x", "d"), recursive: true);
        Directory.CreateSymbolicLink(At("mlartifacts", "x", "d"), At("outside"));
        var file = Assert.Single(manifest.Files);
        await registry.OpenAsync(manifest.Version, file, 0, 7, default).MustFail(RegistryErrorKind.Denied);
    }

    [Fact]
    public async Task A_version_whose_directory_is_a_link_is_denied()
    {
        Create("mlflow-artifacts:/x");
        Write("outside/f");
        Directory.CreateDirectory(At("mlartifacts"));
        Directory.CreateSymbolicLink(At("mlartifacts", "x"), At("outside"));
        await MustRefuseAsync(RegistryErrorKind.Denied);
        Assert.Contains(logs.Lines, line => line.Contains("the files of m/1 are refused", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_was_changed_is_not_served_as_if_it_were_the_same()
    {
        Create("mlflow-artifacts:/x");
        Write("mlartifacts/x/f");
        await using var registry = Registry();
        var manifest = (await ManifestAsync(registry)).Must();
        Write("mlartifacts/x/f", "longer content");
        await registry.OpenAsync(manifest.Version, manifest.Files[0], 0, 7, default).MustFail(RegistryErrorKind.Changed);
    }

    [Fact]
    public async Task A_file_that_shrinks_while_it_is_read_ends_with_an_error()
    {
        Create("mlflow-artifacts:/x");
        Write("mlartifacts/x/f", new string('x', 10_000));
        await using var registry = Registry();
        var manifest = (await ManifestAsync(registry)).Must();
        await using var content = await registry.OpenAsync(manifest.Version, manifest.Files[0], 0, 10_000, default).Must();
        await content.Body.ReadExactlyAsync(new byte[100]);
        Write("mlartifacts/x/f", "short");
        await Assert.ThrowsAsync<IOException>(() => content.Body.ReadExactlyAsync(new byte[9_900]).AsTask());
    }

    [Fact]
    public async Task A_file_that_was_overwritten_with_as_many_bytes_is_not_served_as_if_it_were_the_same()
    {
        Create("mlflow-artifacts:/x");
        Write("mlartifacts/x/f", "before");
        File.SetLastWriteTimeUtc(At("mlartifacts", "x", "f"), DateTime.UnixEpoch.AddYears(50));
        await using var registry = Registry();
        var manifest = (await ManifestAsync(registry)).Must();
        Assert.Equal("before"u8.ToArray(), await registry.ReadAsync(manifest, "f", 0, 6));
        Write("mlartifacts/x/f", "behind");
        var error = await registry.OpenAsync(manifest.Version, manifest.Files[0], 0, 6, default).MustFail(RegistryErrorKind.Changed);
        Assert.Contains("after its version was listed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_was_written_at_a_time_that_no_calendar_has_is_read_all_the_same()
    {
        // A filesystem on a disk may keep a nearer time; one in memory keeps any.
        var memory = Directory.CreateDirectory($"/dev/shm/modelfs-test-{Guid.NewGuid():N}").FullName;
        try
        {
            Create("file://" + memory);
            await ShellAsync($"printf content > {memory}/f; touch -d @300000000000000 {memory}/f");
            await using var registry = Registry(change: options => options with { ArtifactRoots = [memory] });
            var manifest = (await ManifestAsync(registry)).Must();
            Assert.Equal("content"u8.ToArray(), await registry.ReadAsync(manifest, "f", 0, 7));
        }
        finally
        {
            Directory.Delete(memory, recursive: true);
        }
    }

    [Fact]
    public async Task A_file_that_is_overwritten_while_it_is_read_ends_with_an_error()
    {
        Create("mlflow-artifacts:/x");
        Write("mlartifacts/x/f", new string('x', 10_000));
        File.SetLastWriteTimeUtc(At("mlartifacts", "x", "f"), DateTime.UnixEpoch.AddYears(50));
        await using var registry = Registry();
        var manifest = (await ManifestAsync(registry)).Must();
        await using var content = await registry.OpenAsync(manifest.Version, manifest.Files[0], 0, 10_000, default).Must();
        await content.Body.ReadExactlyAsync(new byte[100]);
        using (var file = File.OpenHandle(At("mlartifacts", "x", "f"), FileMode.Open, FileAccess.Write))
            RandomAccess.Write(file, "y"u8, 9_999);
        await Assert.ThrowsAsync<IOException>(() => content.Body.ReadExactlyAsync(new byte[9_900]).AsTask());
    }

    [Fact]
    public async Task A_server_may_name_files_beneath_its_configured_roots()
    {
        Write("roots/model/f");
        await using var model = new ScriptedModel(change: options => options with { ArtifactRoots = [At("roots")] });
        model.ContentUri($"file://{At("roots", "model")}");
        var manifest = (await model.ManifestAsync()).Must();
        Assert.Equal("content"u8.ToArray(), await model.Registry.ReadAsync(manifest, "f", 0, 7));
        model.ContentUri($"file://{At("roots-not", "model")}");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Denied);
    }
}
