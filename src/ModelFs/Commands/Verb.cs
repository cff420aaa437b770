using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace ModelFs.Commands;

/// <summary>A verb of the program, with the example that its help ends with.</summary>
internal sealed class Verb(string name, string description, string example) : Command(name, description)
{
    public string Example { get; } = example;
}

/// <summary>The library's help, then an example and the exit codes.</summary>
internal sealed class ExampleHelp(HelpAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var code = help.Invoke(parseResult);
        var example = parseResult.CommandResult.Command is Verb verb ? verb.Example : "modelfs demo";
        parseResult.InvocationConfiguration.Output.WriteLine(
            $"Example:\n  {example}\n\nExit codes:\n  0  ok\n  1  failed\n  2  the command line or the configuration is wrong\n  3  some of what was asked for failed, the rest is done");
        return code;
    }
}
