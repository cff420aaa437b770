using ModelFs.Fuse;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

public sealed class AbsentNameTests
{
    [Fact]
    public async Task A_model_that_does_not_exist_is_asked_for_once_in_its_TTL()
    {
        await using var tree = await TreeUnderTest.StartAsync();
        var registry = await tree.NodeAsync("MLFLOW");
        for (var i = 0; i < 20; i++)
            Assert.Equal(0ul, (await tree.LookupAsync(registry, "pyvenv.cfg")).Node);
        Assert.Equal(1, tree.Registry.Count("model pyvenv.cfg"));

        tree.Registry.Add("pyvenv.cfg");
        tree.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.NotEqual(0ul, (await tree.LookupAsync(registry, "pyvenv.cfg")).Node);
    }

    [Fact]
    public async Task A_version_that_does_not_exist_is_asked_for_once_in_its_TTL()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1));
        var model = await tree.NodeAsync("MLFLOW/iris");
        for (var i = 0; i < 20; i++)
            Assert.Equal(0ul, (await tree.LookupAsync(model, "2")).Node);
        Assert.Equal(1, tree.Registry.Count("version iris/2"));
    }

    [Fact]
    public async Task A_name_that_is_in_no_manifest_costs_no_question()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("MLmodel", "x")));
        var version = await tree.NodeAsync("MLFLOW/iris/1");
        await tree.LookupAsync(version, "MLmodel");
        tree.Registry.ForgetCalls();
        for (var i = 0; i < 1000; i++)
            Assert.Equal(0ul, (await tree.LookupAsync(version, $"adapter_config_{i}.json")).Node);
        Assert.Empty(tree.Registry.Calls);
    }

    [Theory]
    [InlineData("007")]
    [InlineData("12345678901234567890")]
    [InlineData("%2f")]
    [InlineData("%41")]
    public async Task A_name_that_nothing_can_have_costs_no_question(string name)
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris"));
        var model = await tree.NodeAsync("MLFLOW/iris");
        tree.Registry.ForgetCalls();
        Assert.Equal(0ul, (await tree.LookupAsync(model, name)).Node);
        Assert.Empty(tree.Registry.Calls);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_absent_without_a_question()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("MLmodel", "x")));
        foreach (var path in new[] { "MLFLOW", "MLFLOW/iris", "MLFLOW/iris/1" })
        {
            var node = await tree.NodeAsync(path);
            await tree.Kernel.OpenDirAsync(node);
            tree.Registry.ForgetCalls();
            var reply = await tree.Kernel.AskAsync(Opcode.Lookup, node, [0xFF, 0xC3, 0x28, 0]);
            Assert.True((Errno)reply.Error == Errno.ENOENT || (reply.Error == 0 && reply.Entry.Node == 0));
            Assert.Empty(tree.Registry.Calls);
        }
    }

    [Fact]
    public async Task A_registry_that_takes_one_name_for_another_does_not_show_a_directory_twice()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1));
        // As a database does whose collation ignores case.
        tree.Registry.Models["IRIS"] = tree.Registry.Models["iris"];
        Assert.Equal(0ul, (await tree.LookupAsync(await tree.NodeAsync("MLFLOW"), "IRIS")).Node);
    }

    [Fact]
    public async Task A_million_absent_names_do_not_stay_in_memory()
    {
        await using var tree = await TreeUnderTest.StartAsync();
        var registry = tree.Tree.Registries[0];
        for (var i = 0; i < 10_000; i++)
            Assert.False((await registry.FindModelAsync(System.Text.Encoding.UTF8.GetBytes($"absent-{i}"), default)).IsOk);
        // Of ten thousand a bounded number is still known without a question; the first ones are not.
        tree.Registry.ForgetCalls();
        await registry.FindModelAsync("absent-0"u8, default);
        await registry.FindModelAsync("absent-9999"u8, default);
        Assert.Equal(["model absent-0"], tree.Registry.Calls);
    }
}
